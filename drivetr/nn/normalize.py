"""Pixel statistics that a backbone was trained on."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


class ImageNormalizer(nn.Module):
    """Turns RGB pixels in 0..255 into (x - mean) / std.

    Args:
        mean: of the channels in the order that the backbone sees.
        std: likewise.
        bgr: the backbone was trained on blue-green-red images (caffe style, VoVNet).
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        mean: tuple[float, float, float] = (123.675, 116.28, 103.53),
        std: tuple[float, float, float] = (58.395, 57.12, 57.375),
        bgr: bool = False,
    ) -> None:
        super().__init__()
        for name, values in (("mean", mean), ("std", std)):
            if not isinstance(values, Sequence) or len(values) != 3:  # a config may hold anything
                raise ValueError(f"{name} is {values!r}, expected three numbers")
        self.bgr = bgr
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> Float[Tensor, "*B 3 H W"]:
        """Normalises images (..., 3, H, W) of any number type."""
        if self.bgr:
            images = images.flip(-3)
        return (images.to(self.mean.dtype) - self.mean) / self.std
