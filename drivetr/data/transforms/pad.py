"""Padding to a size that the backbone's stride divides."""

from dataclasses import replace

import torch
from torch.nn.functional import pad

from drivetr.structures.frame import Frame


class Pad:
    """Adds rows at the bottom and columns at the right; `image_size` keeps what is image.

    Args:
        multiple: the new height and width are the next multiples of it, in pixels.
        fill_rgb: their colour 0..255, rounded. Published detectors pad with zeros after they have
            subtracted a mean: the same as that mean here, to half a grey level.
    """

    def __init__(
        self, multiple: int = 32, fill_rgb: tuple[float, float, float] = (0.0, 0.0, 0.0)
    ) -> None:
        self.multiple = multiple
        self.fill_rgb = fill_rgb

    def __call__(self, frame: Frame, generator: torch.Generator) -> Frame:
        """The padded frame; nothing is drawn."""
        height, width = frame.images.shape[-2:]
        down, right = -height % self.multiple, -width % self.multiple
        size = (height + down, width + right)
        cameras = replace(frame.cameras, pad_size=size)
        images = pad(frame.images, (0, right, 0, down))
        colour = torch.tensor(self.fill_rgb).round().to(images.dtype)[:, None, None]
        images[..., height:, :] = colour
        images[..., width:] = colour
        return replace(frame, images=images, cameras=cameras)
