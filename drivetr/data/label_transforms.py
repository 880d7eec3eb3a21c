"""Changes of an image that keep its label: (sample, generator) -> sample."""

from dataclasses import replace

import torch
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F  # noqa: N812 - as torchvision calls it

from drivetr.data.transforms.draws import uniform
from drivetr.structures.labelled import LabelledImage


class RandomAffine:
    """Turns, shifts and zooms the image about its middle; black comes in at the borders.

    Args:
        degrees: largest turn to either side.
        shift: largest shift in each direction, as a share of the image's side.
        zoom: largest change of size, as a share.
    """

    def __init__(self, degrees: float = 0.0, shift: float = 0.0, zoom: float = 0.0) -> None:
        if min(degrees, shift, zoom) < 0 or zoom >= 1:
            raise ValueError(
                f"degrees {degrees}, shift {shift} and zoom {zoom} must not be negative, and zoom"
                " must be below 1"
            )
        self.degrees = degrees
        self.shift = shift
        self.zoom = zoom

    def __call__(self, sample: LabelledImage, generator: torch.Generator) -> LabelledImage:
        """The sample with its image moved."""
        height, width = sample.image.shape[-2:]
        angle = uniform(generator, -self.degrees, self.degrees)
        down, right = (uniform(generator, -self.shift, self.shift) for _ in range(2))
        scale = uniform(generator, 1 - self.zoom, 1 + self.zoom)
        moved = F.affine(
            sample.image,
            angle=angle,
            translate=[right * width, down * height],
            scale=scale,
            shear=[0.0, 0.0],
            interpolation=InterpolationMode.BILINEAR,
        )
        return replace(sample, image=moved)
