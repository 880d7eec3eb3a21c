"""What a run does about a loss or a gradient that is NaN or infinite."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from drivetr.engine.checks import at_least
from drivetr.engine.gather import by_first_process, of_all_processes
from drivetr.errors import DrivetrError
from drivetr.files import atomic_text
from drivetr.structures.batch import ModelBatch

if TYPE_CHECKING:
    from drivetr.engine.runner import TrainRunner

POLICIES = ("stop", "skip", "rollback")


@dataclass(frozen=True)
class NanPolicy:
    """The policy, and how often a whole run may make use of it.

    Attributes:
        policy: "stop" ends the run. "skip" leaves the step out: the weights stay and the next batch
            comes. "rollback" goes back to the last checkpoint and on with the data behind the
            batch, since the same data would lead to the same place.
        at_most: steps left out, or times gone back, before the run ends all the same.
    """

    policy: str = "stop"
    at_most: int = 10

    def __post_init__(self) -> None:
        """Checks name and range."""
        if self.policy not in POLICIES:
            raise ValueError(f"policy is {self.policy!r}, expected one of {', '.join(POLICIES)}")
        at_least(self, at_most=1)


@dataclass
class Recovery:
    """How a run has dealt with steps that were not finite; part of a checkpoint.

    Attributes:
        times: steps left out or times gone back so far.
        batches_left_out: by how many batches the data is ahead of the iterations, after rollbacks.
    """

    times: int = 0
    batches_left_out: int = 0


class NanGuard:
    """Carries out the policy in a run.

    Args:
        runner: of the run; `runner.state` holds policy and what was needed of it so far.
    """

    def __init__(self, runner: "TrainRunner") -> None:
        self._runner = runner
        self._policy = runner.state.on_nan
        self._recovery = runner.state.recovery
        self._buffers: dict[str, Tensor] = {}

    def before_step(self) -> None:
        """Remembers what a forward pass changes by itself, such as running statistics."""
        if self._policy.policy == "skip":
            module = self._runner.training_module
            self._buffers = {name: value.clone() for name, value in module.named_buffers()}

    def rolls_back(self, error: FloatingPointError, batch: ModelBatch) -> bool:
        """Undoes a step that was not finite; a collective call.

        Returns:
            whether the run is now at an earlier iteration; else the step counts as done.

        Raises:
            DrivetrError: the run has to end.
        """
        runner, step = self._runner, self._runner.iter + 1
        file = _write_down(Path(runner.work_dir), step, str(error), batch.names)
        what = f"{error} at iteration {step}, with the samples in {file}"
        self._recovery.times += 1
        if self._policy.policy == "stop" or self._recovery.times > self._policy.at_most:
            raise DrivetrError(f"training stopped: {what}; {self._remedy()}") from error
        runner.optim_wrapper.zero_grad()
        if self._policy.policy == "skip":
            self._skip()
            runner.logger.warning(f"{what}: step left out ({self._share()})")
            return False
        self._recovery.batches_left_out += step
        to = runner.back_to_last_checkpoint()
        self._recovery.batches_left_out -= to
        runner.logger.warning(f"{what}: back to iteration {to} ({self._share()})")
        return True

    def _skip(self) -> None:
        module = self._runner.training_module
        for name, value in module.named_buffers():
            value.copy_(self._buffers[name])
        module.forget_last()

    def _share(self) -> str:
        return f"{self._recovery.times} of at most {self._policy.at_most} times"

    def _remedy(self) -> str:
        if self._policy.policy == "stop":
            return (
                "look at them with drivetr verify, lower optimizer.lr, or go on with --resume and"
                " --on-nan skip or rollback"
            )
        return (
            f"{self._policy.policy} was allowed {self._policy.at_most} times (on_nan.at_most);"
            " lower optimizer.lr"
        )


def _write_down(work_dir: Path, step: int, reason: str, samples: list[str]) -> Path:
    """Writes which samples a step was made of, one list a process; a collective call."""
    path = work_dir / f"not_finite_{step}.json"
    record = {
        "iteration": step,
        "reason": reason,
        "samples_of_ranks": of_all_processes(samples),
    }

    def write() -> None:
        with atomic_text(path) as file:
            json.dump(record, file, indent=2)

    by_first_process(write)
    return path
