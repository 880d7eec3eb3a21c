"""What happens between two iterations: learning rate, averaging, checkpoints."""

from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from tqdm import tqdm

from drivetr.engine.checkpoint import CheckpointSettings
from drivetr.engine.ema import Ema
from drivetr.engine.schedule import Schedule


class ScheduleHook(Hook):
    """Sets the learning rate of every iteration from the schedule, which keeps no state."""

    priority = "HIGHEST"  # before the hook that logs the rate

    def __init__(self, schedule: Schedule, base_rates: list[float]) -> None:
        self.schedule = schedule
        self.base_rates = base_rates

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Called by mmengine before each optimizer step."""
        factor = self.schedule.factor(runner.iter, runner.max_iters)
        groups = runner.optim_wrapper.param_groups
        for group, rate in zip(groups, self.base_rates, strict=True):
            group["lr"] = rate * factor


class EmaHook(Hook):
    """Moves the average of the weights after each optimizer step; one left out does not count."""

    priority = "NORMAL"

    def __init__(self, ema: Ema) -> None:
        self.ema = ema

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Called by mmengine after each optimizer step."""
        if outputs is not None:
            self.ema.update(runner.training_module, runner.iter)


class ProgressHook(Hook):
    """A bar of the iterations where a person watches; a file gets the log lines alone.

    Of several processes the first one draws it.
    """

    priority = "VERY_LOW"

    def __init__(self) -> None:
        self.bar: tqdm[Any] | None = None

    def before_train(self, runner: Any) -> None:
        """Called by mmengine before the first iteration."""
        self.bar = tqdm(
            total=runner.max_iters,
            initial=runner.iter,
            desc="train",
            unit="step",
            disable=None if is_main_process() else True,
        )

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Called by mmengine after each optimizer step."""
        if self.bar is not None:
            self.bar.update()

    def after_train(self, runner: Any) -> None:
        """Called by mmengine after the last iteration."""
        if self.bar is not None:
            self.bar.close()


class LogWindowHook(Hook):
    """Keeps of every logged value only what the log averages over; the rest would be copied on."""

    priority = "LOW"

    def __init__(self, window: int) -> None:
        self.window = window

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Called by mmengine after each optimizer step."""
        scalars = runner.message_hub.log_scalars
        for key, buffer in scalars.items():
            if buffer.max_length != self.window:
                values, counts = buffer.data
                scalars[key] = HistoryBuffer(
                    values[-self.window :], counts[-self.window :], max_length=self.window
                )


class CheckpointHook(Hook):
    """Saves every `interval` iterations and at the end; see `CheckpointSettings`."""

    priority = "LOWEST"  # after everything that changes what is saved

    def __init__(self, settings: CheckpointSettings) -> None:
        self.settings = settings

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Called by mmengine after each optimizer step."""
        done = runner.iter + 1
        is_last = done == runner.max_iters
        if done % self.settings.interval != 0 and not is_last:
            return
        runner.save(done, may_fail=self.settings.on_write_error == "continue" and not is_last)
