"""What a detector found in one image."""

from dataclasses import dataclass

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
