"""How well each of several names fits an image."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Ranking:
    """The share of each of K names in one image.

    Attributes:
        probabilities: of the names, sum 1.
    """

    probabilities: Float[Tensor, "K"]

    @property
    def best(self) -> int:
        """Index of the name that fits best."""
        return int(self.probabilities.argmax())

    def to(self, device: torch.device | str) -> "Ranking":
        """The same on another device."""
        return Ranking(self.probabilities.to(device))
