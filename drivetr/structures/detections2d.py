"""What a detector found in one image."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Detections2D:
    """M boxes of one image.

    Attributes:
        boxes: left, top, right, bottom in pixels of the image as it lies on disk.
        scores: confidence in 0..1.
        labels: index into the detector's classes.
    """

    boxes: Float[Tensor, "M 4"]
    scores: Float[Tensor, "M"]
    labels: Int[Tensor, "M"]

    def __len__(self) -> int:
        """Number of boxes."""
        return len(self.scores)

    def to(self, device: torch.device | str) -> "Detections2D":
        """The same detections on another device."""
        return Detections2D(self.boxes.to(device), self.scores.to(device), self.labels.to(device))
