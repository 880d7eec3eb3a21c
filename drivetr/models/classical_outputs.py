"""What becomes of the outputs of `TorchvisionDetector`: losses, and detections."""

from collections.abc import Mapping

import torch
from jaxtyping import Int
from torch import Tensor

from drivetr.structures.detections2d import Detections2D
from drivetr.structures.targets2d import Targets2D


class OwnLosses:
    """The losses that a model computed itself, weighted.

    Args:
        weights: of the losses by name; 1 for those that are not named.
    """

    def __init__(self, weights: Mapping[str, float] | None = None) -> None:
        self.weights = dict(weights or {})

    def __call__(
        self, outputs: Mapping[str, Tensor], targets: list[Targets2D]
    ) -> dict[str, Tensor]:
        """Losses to be summed.

        Raises:
            ValueError: a weight for a loss that the model does not have.
        """
        unknown = self.weights.keys() - outputs.keys()
        if unknown:
            raise ValueError(f"weights for {sorted(unknown)}, but the losses are {[*outputs]}")
        return {name: self.weights.get(name, 1.0) * loss for name, loss in outputs.items()}


class DiskPixels:
    """Boxes brought from the pixels of the model's input to those of the image on disk."""

    @torch.no_grad()
    def __call__(
        self, outputs: list[dict[str, Tensor]], original_sizes: Int[Tensor, "B 2"]
    ) -> list[Detections2D]:
        """Detections of every image, best first.

        Args:
            outputs: of a `TorchvisionDetector` in evaluation mode.
            original_sizes: height and width in pixels of each image on disk.
        """
        found = []
        for output, original in zip(outputs, original_sizes, strict=True):
            rows_columns = original.to(output["boxes"]) / output["size"]
            boxes = output["boxes"] * rows_columns.flip(0).repeat(2)
            found.append(Detections2D(boxes, output["scores"], output["labels"]))
        return found
