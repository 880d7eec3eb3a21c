"""Length of a training run and the learning rate at each of its iterations."""

import math
from dataclasses import dataclass

from drivetr.engine.checks import at_least
from drivetr.errors import DrivetrError


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up, then a cosine or one drop; a pure function of the iteration.

    Nothing has to be saved.

    Attributes:
        epochs: passes over the training split; or
        iterations: optimizer steps, at the reference batch size where one is given.
        warmup_iterations: steps of the warm-up.
        warmup_ratio: part of the rate at the first step.
        min_ratio: part of the rate at the end.
        drop_after: share of the run at which the whole rate falls to `min_ratio` at once, as in
            DETR; without it a cosine leads there.
    """

    epochs: float | None = None
    iterations: int | None = None
    warmup_iterations: int = 500
    warmup_ratio: float = 1 / 3
    min_ratio: float = 1e-3
    drop_after: float | None = None

    def __post_init__(self) -> None:
        """Checks that the length is given once."""
        if (self.epochs is None) == (self.iterations is None):
            raise ValueError("give either epochs or iterations")
        at_least(self, epochs=0.0, iterations=1, warmup_iterations=0, warmup_ratio=0.0)
        at_least(self, min_ratio=0.0, drop_after=0.0)

    def total(self, num_samples: int, frames_per_step: int, scale: float) -> int:
        """Optimizer steps of the whole run.

        Args:
            num_samples: keyframes of the training split.
            frames_per_step: batch size summed over the processes.
            scale: real over reference batch size.
        """
        if self.iterations is not None:
            return max(1, round(self.iterations / scale))
        if num_samples == 0:
            raise DrivetrError("the training split has no samples")
        assert self.epochs is not None
        return max(1, round(self.epochs * num_samples / frames_per_step))

    def factor(self, iteration: int, total: int) -> float:
        """What the base learning rate is multiplied by at an iteration (0 is the first)."""
        warmup = min(self.warmup_iterations, total)
        if iteration < warmup:
            return self.warmup_ratio + (1 - self.warmup_ratio) * iteration / warmup
        if self.drop_after is not None:
            return 1.0 if iteration < round(self.drop_after * total) else self.min_ratio
        progress = (iteration - warmup) / max(1, total - warmup)
        return self.min_ratio + (1 - self.min_ratio) * 0.5 * (1 + math.cos(math.pi * progress))
