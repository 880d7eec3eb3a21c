"""A convolutional network as the image tower of CLIP (the ResNet form of arXiv:2103.00020)."""

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn


class ConvTower(nn.Module):
    """The mean of a network's last feature map; CLIP's own ResNets pool by attention instead.

    Args:
        backbone: gives maps from images, the deepest last, and has `out_channels` and `strides`.
        image_size: side of the square images it is trained on, in pixels.

    Attributes:
        out_channels: channels of the maps, and of what is pooled.
        strides: input pixels per cell of each map.
    """

    def __init__(self, backbone: nn.Module, image_size: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.image_size = image_size
        sizes: Any = backbone
        self.out_channels: tuple[int, ...] = tuple(sizes.out_channels)
        self.strides: tuple[int, ...] = tuple(sizes.strides)

    def pooled(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C"]:
        """One vector an image."""
        mean: Tensor = self(images)[-1].mean((-2, -1))
        return mean

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B _c _h _w"]]:
        """The maps of the backbone."""
        maps: list[Tensor] = self.backbone(images)
        return maps
