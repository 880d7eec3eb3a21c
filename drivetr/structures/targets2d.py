"""Ground truth of one image in two dimensions."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Targets2D:
    """Boxes and classes of one image.

    Attributes:
        boxes: centre x, centre y, width, height as shares (0..1) of the image without padding.
        labels: index into the dataset's classes.
    """

    boxes: Float[Tensor, "G 4"]
    labels: Int[Tensor, "G"]

    def __len__(self) -> int:
        """Number of boxes."""
        return len(self.labels)

    def to(self, device: torch.device | str) -> "Targets2D":
        """The same targets on another device."""
        return Targets2D(self.boxes.to(device), self.labels.to(device))
