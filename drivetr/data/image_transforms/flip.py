"""Mirror images."""

from dataclasses import dataclass, replace

import torch

from drivetr.data.transforms.draws import chance
from drivetr.structures.images import ImageSample
from drivetr.structures.targets2d import Targets2D


@dataclass(frozen=True)
class RandomFlip:
    """Mirrors an image left to right with a probability, after DETR's RandomHorizontalFlip.

    Attributes:
        probability: of mirroring.
    """

    probability: float = 0.5

    def __call__(self, sample: ImageSample, generator: torch.Generator) -> ImageSample:
        """The sample, or its mirror image."""
        return mirrored(sample) if chance(generator, self.probability) else sample


def mirrored(sample: ImageSample) -> ImageSample:
    """Left and right exchanged in pixels and boxes."""
    targets = sample.targets
    if targets is not None:
        x, y, width, height = targets.boxes.unbind(-1)
        boxes = torch.stack([1 - x, y, width, height], dim=-1)
        targets = Targets2D(boxes, targets.labels)
    return replace(sample, image=sample.image.flip(-1), targets=targets)
