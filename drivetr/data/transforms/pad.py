"""Padding to a size that the backbone's stride divides."""

from dataclasses import replace

import torch
from torch.nn.functional import pad

from drivetr.structures.frame import Frame


class Pad:
    """Adds black rows at the bottom and columns at the right; `image_size` keeps what is image.

    Args:
        multiple: the new height and width are the next multiples of it, in pixels.
    """

    def __init__(self, multiple: int = 32) -> None:
        self.multiple = multiple

    def __call__(self, frame: Frame, generator: torch.Generator) -> Frame:
        """The padded frame; nothing is drawn."""
        height, width = frame.images.shape[-2:]
        down, right = -height % self.multiple, -width % self.multiple
        size = (height + down, width + right)
        cameras = replace(frame.cameras, pad_size=size)
        return replace(frame, images=pad(frame.images, (0, right, 0, down)), cameras=cameras)
