"""The one wrapper that turns model and criterion into what mmengine's Runner calls."""

import math
from collections import deque
from contextlib import AbstractContextManager
from dataclasses import fields
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from drivetr.models.criterion import mean_over_ranks
from drivetr.structures.batch import ModelBatch
from drivetr.structures.stream_memory import StreamMemory


class OptimizerStep(Protocol):
    """The part of mmengine's OptimWrapper that a training step uses."""

    def optim_context(self, model: nn.Module) -> AbstractContextManager[Any]:
        """Context of the forward pass, such as mixed precision."""

    def update_params(self, loss: Tensor) -> None:
        """Backward pass and optimizer step."""


def has_memory(model: nn.Module) -> bool:
    """Whether a model wants frames in order, and back what it gave as memory for the last ones."""
    return bool(getattr(model, "streams", False))


def answer(
    model: nn.Module, batch: ModelBatch, memory: StreamMemory | None = None, **extra: Any
) -> tuple[Any, StreamMemory | None]:
    """What a model says of a batch, and its memory for the next one, None where it has none."""
    if has_memory(model):
        extra["memory"] = memory
    found = model(*batch.inputs, **extra)
    return found if isinstance(found, tuple) else (found, None)


def outputs_of(model: nn.Module, batch: ModelBatch, **extra: Any) -> Any:
    """What a model says of a batch that stands alone."""
    return answer(model, batch, **extra)[0]


class DetectorTraining(nn.Module):
    """A model with what it needs to learn; `forward` gives the named losses of a batch.

    Args:
        detector: `detector(*batch.inputs)` -> outputs, or (outputs, memory). One with an attribute
            `needs_targets` that is true also gets `targets=batch.targets`.
        criterion: `criterion(outputs, *batch.truth)` -> weighted losses, minimised as a sum.
        denoising: `denoising(targets)` -> what the detector takes as `noised`, or None.
        turns: batches of lanes that take turns.

    Attributes:
        memories: what the detector gave with the last batch of each turn, if it has a memory, those
            of the coming batch first; without gradients.
    """

    def __init__(
        self, detector: nn.Module, criterion: Any, denoising: Any = None, turns: int = 1
    ) -> None:
        super().__init__()
        self.detector = detector
        self.criterion = criterion
        self.denoising = denoising
        self.memories: deque[StreamMemory | None] = deque([None] * turns)

    def data_preprocessor(self, batch: ModelBatch, training: bool) -> dict[str, ModelBatch]:
        """Moves a batch to the weights' device (called by mmengine)."""
        return {"batch": batch.to(next(self.detector.parameters()).device)}

    def forward(self, batch: ModelBatch, mode: str = "loss") -> dict[str, Tensor]:
        """The weighted losses of a batch."""
        extra = {}
        if self.denoising is not None:
            extra["noised"] = self.denoising(batch.targets)
        if getattr(self.detector, "needs_targets", False):
            extra["targets"] = batch.targets
        outputs, memory = answer(self.detector, batch, self.memories[0], **extra)
        self.memories.append(None if memory is None else memory.detach())
        self.memories.popleft()
        losses: dict[str, Tensor] = self.criterion(outputs, *batch.truth)
        return losses

    def forget_last(self) -> None:
        """Drops the memory that the last batch left, which may not be finite."""
        self.memories[-1] = None

    def forget_all(self) -> None:
        """Drops all memories."""
        self.memories = deque([None] * len(self.memories))

    def memory_state(self) -> dict[str, Tensor]:
        """The memories by number and name; those that are empty are left out."""
        return {
            f"{turn}.{f.name}": getattr(memory, f.name)
            for turn, memory in enumerate(self.memories)
            if memory is not None
            for f in fields(memory)
        }

    def load_memory(self, state: dict[str, Tensor]) -> None:
        """Takes over memories that `memory_state` gave."""
        names = [f.name for f in fields(StreamMemory)]
        for turn in range(len(self.memories)):
            if f"{turn}.{names[0]}" in state:
                held = {name: state[f"{turn}.{name}"] for name in names}
                self.memories[turn] = StreamMemory(**held)

    def parse_losses(self, losses: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """The sum to minimise, and the means over all processes for the log (called by mmengine).

        Raises:
            FloatingPointError: a loss is NaN or infinite in any process; raised in all of them, so
                that none waits for the others' gradients.
        """
        total = torch.stack(list(losses.values())).sum()
        means = mean_over_ranks(torch.stack([*losses.values(), total]).detach().float())
        log = dict(zip([*losses, "loss"], means.tolist(), strict=True))  # one wait for the device
        for name, value in log.items():
            if not math.isfinite(value):
                raise FloatingPointError(f"the loss is not finite ({name} = {value})")
        return total, log

    def train_step(self, batch: ModelBatch, optim_wrapper: OptimizerStep) -> dict[str, float]:
        """One optimizer step; the counterpart of MMDistributedDataParallel's for one process."""
        with optim_wrapper.optim_context(self):
            losses = self(**self.data_preprocessor(batch, True))
        total, log = self.parse_losses(losses)
        optim_wrapper.update_params(total)
        return log
