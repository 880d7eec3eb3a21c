"""Random crops; boxes are cut at the crop's edges, and those that it misses are dropped."""

from dataclasses import dataclass, replace

import torch
from torchvision.ops import box_convert

from drivetr.data.transforms.draws import integer
from drivetr.structures.images import ImageSample
from drivetr.structures.targets2d import Targets2D

# Pixels; what is thinner has no extent but for rounding: it only touches the crop.
_TOUCH = 1e-3


@dataclass(frozen=True)
class RandomSizeCrop:
    """Cuts out a rectangle of random size at a random place (DETR's RandomSizeCrop).

    Attributes:
        smallest: pixels that a side has at least; an image that is smaller keeps its whole side.
        largest: pixels that a side has at most.
    """

    smallest: int
    largest: int

    def __call__(self, sample: ImageSample, generator: torch.Generator) -> ImageSample:
        """What is seen in a random rectangle."""
        rows, columns = sample.image.shape[-2:]
        width = self._side(columns, generator)
        height = self._side(rows, generator)
        top = integer(generator, 0, rows - height + 1)
        left = integer(generator, 0, columns - width + 1)
        return cropped(sample, top, left, height, width)

    def _side(self, full: int, generator: torch.Generator) -> int:
        return integer(generator, min(self.smallest, full), min(self.largest, full) + 1)


def cropped(sample: ImageSample, top: int, left: int, height: int, width: int) -> ImageSample:
    """What is seen in a rectangle, given in pixels of the sample's image."""
    rows, columns = sample.image.shape[-2:]
    image = sample.image[:, top : top + height, left : left + width]
    targets = sample.targets
    if targets is not None:
        pixels = torch.tensor([columns, rows, columns, rows], dtype=torch.float64)
        corners = box_convert(targets.boxes.double() * pixels, "cxcywh", "xyxy")
        corners -= corners.new_tensor([left, top, left, top])
        size = corners.new_tensor([width, height, width, height])
        corners = torch.minimum(corners.clamp(min=0), size)
        seen = (corners[:, 2:] - corners[:, :2] > _TOUCH).all(dim=1)
        boxes = box_convert(corners[seen] / size, "xyxy", "cxcywh").to(targets.boxes)
        targets = Targets2D(boxes, targets.labels[seen])
    return replace(sample, image=image, targets=targets)
