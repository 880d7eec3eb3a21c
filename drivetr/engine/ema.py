"""A running average of the weights, which is what gets tested."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from drivetr.engine.checks import at_least
from drivetr.engine.sharding import local, sharded_like


@dataclass(frozen=True)
class EmaSettings:
    """How slowly the average moves.

    Attributes:
        decay: share of the old average kept at each step.
        warmup: keeps less at first, (1 + n) / (10 + n) after n steps, so that the average does not
            remember the random start of a short run.
    """

    decay: float = 0.999
    warmup: bool = True

    def __post_init__(self) -> None:
        """Checks the range."""
        at_least(self, decay=0.0)
        if self.decay >= 1:
            raise ValueError(f"decay is {self.decay}, expected less than 1")

    def at(self, iteration: int) -> float:
        """The decay at an iteration (0 is the first); a pure function, nothing to save."""
        return min(self.decay, (1 + iteration) / (10 + iteration)) if self.warmup else self.decay


class Ema:
    """The exponential moving average of a module's floating-point state; other state is copied."""

    def __init__(self, module: nn.Module, settings: EmaSettings) -> None:
        self.settings = settings
        self.state = {key: value.clone() for key, value in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module, iteration: int) -> None:
        """Moves the average towards the module's present state."""
        weight = 1 - self.settings.at(iteration)
        averaged: list[Tensor] = []
        present: list[Tensor] = []
        for key, value in module.state_dict().items():
            if value.is_floating_point():
                averaged.append(local(self.state[key]))
                present.append(local(value))
            else:
                self.state[key].copy_(value)
        torch._foreach_lerp_(averaged, present, weight)

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Takes over a saved average of the same module, whose tensors are whole."""
        for key, value in self.state.items():
            value.copy_(sharded_like(state[key], value))
