"""Pixels of 0..255 to what the network was trained on."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from drivetr.structures.images import ImageSample

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


class Normalize:
    """Subtracts a mean and divides by a deviation; the last transform.

    Args:
        mean: of red, green and blue, in 0..255.
        std: likewise.
    """

    def __init__(
        self, mean: Sequence[float] = IMAGENET_MEAN, std: Sequence[float] = IMAGENET_STD
    ) -> None:
        self.mean = torch.tensor(mean)[:, None, None]
        self.std = torch.tensor(std)[:, None, None]

    def __call__(self, sample: ImageSample, generator: torch.Generator) -> ImageSample:
        """The sample with a float image; nothing is drawn."""
        return replace(sample, image=(sample.image.float() - self.mean) / self.std)
