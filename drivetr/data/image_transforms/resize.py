"""Resizing by DETR's rule: the short side decides, unless the long one would grow too large."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torchvision.transforms.v2 import functional

from drivetr.data.transforms.draws import integer
from drivetr.structures.images import ImageSample


class RandomResize:
    """Brings the short side to one of several lengths (DETR's RandomResize).

    Bilinear with antialiasing, as Pillow does it, which DETR was trained with. Boxes are shares of
    the image and stay as they are.

    Args:
        sizes: lengths of the short side in pixels, one of which is drawn; a single one leaves
            nothing to chance.
        longest: pixels that the long side may have; the image is made smaller to fit.
    """

    def __init__(self, sizes: Sequence[int], longest: int | None = None) -> None:
        if not sizes or min(sizes) < 1 or (longest is not None and longest < 1):
            raise ValueError(f"sizes {sizes} and longest {longest}: expected pixels")
        self.sizes = tuple(sizes)
        self.longest = longest

    def __call__(self, sample: ImageSample, generator: torch.Generator) -> ImageSample:
        """The sample in its new size."""
        size = self.sizes[integer(generator, 0, len(self.sizes))]
        before = sample.image.shape[1:]
        after = resized_shape(before[0], before[1], size, self.longest)
        if before == after:
            return sample
        image = functional.resize(sample.image, list(after), antialias=True)
        return replace(sample, image=image)


def resized_shape(height: int, width: int, size: int, longest: int | None) -> tuple[int, int]:
    """Height and width after resizing, with DETR's rounding.

    Args:
        height: of the image.
        width: of the image.
        size: wanted length of the short side.
        longest: limit of the long side.
    """
    short, long = sorted((height, width))
    if longest is not None and long / short * size > longest:
        size = max(1, round(longest * short / long))
    if short == size:
        return height, width
    other = int(size * long / short)
    return (size, other) if height <= width else (other, size)
