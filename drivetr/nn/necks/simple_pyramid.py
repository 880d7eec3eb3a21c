"""ViTDet's simple feature pyramid (arXiv:2203.16527): several scales from one plain map."""

from collections.abc import Sequence
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad
from torchvision.models.convnext import LayerNorm2d

from drivetr.nn.backbones.eva02 import EVA02
from drivetr.nn.backbones.vit import ViT

_EPS = 1e-6


Halving = Literal["max", "convolution"]


def _doubled(channels: int) -> nn.Module:
    return nn.ConvTranspose2d(channels, channels // 2, 2, stride=2)


def _rescale(channels: int, scale: float, halving: Halving) -> tuple[nn.Module, int]:
    """What brings a map to `scale` times its rows and columns, and the channels that come out.

    The maximum of an odd number of rows is rounded up, as by the strided convolutions of a ResNet,
    so that the last row is seen by somebody; the published convolution drops it.
    """
    if scale == 4:
        between = LayerNorm2d(channels // 2, eps=_EPS)
        twice = (_doubled(channels), between, nn.GELU(), _doubled(channels // 2))
        return nn.Sequential(*twice), channels // 4
    if scale == 2:
        return _doubled(channels), channels // 2
    if scale == 1:
        return nn.Identity(), channels
    if scale == 0.5 and halving == "max":
        return nn.MaxPool2d(2, ceil_mode=True), channels
    if scale == 0.5 and halving == "convolution":
        return nn.Conv2d(channels, channels, 2, stride=2), channels
    raise ValueError(
        f"a scale is {scale} with halving {halving!r}, expected 4, 2, 1 or 0.5, max or convolution"
    )


class SimplePyramid(nn.Module):
    """Every scale comes from the same last map of a ViT; no map is added to another.

    A map is rescaled (deconvolutions, nothing, or one cell for 2x2), then goes through a 1x1 and a
    3x3 convolution without bias, a layer norm over the channels after each.

    Attributes:
        out_channels: channels of every returned map.
        scales: rows of each returned map as a multiple of the incoming one's.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        scales: Sequence[float] = (2, 1, 0.5),
        halving: Halving = "max",
    ) -> None:
        """Builds the pyramid.

        Args:
            in_channels: channels of the incoming map.
            out_channels: channels of every outgoing map.
            scales: finest first; behind patches of 16 pixels these have strides 8, 16 and 32, and
                4 has stride 4.
            halving: how a scale of 0.5 is made: ViTDet's maximum, or StreamPETR's convolution.

        Raises:
            ValueError: for another scale or halving.
        """
        super().__init__()
        self.out_channels = out_channels
        self.scales = tuple(scales)
        self.levels = nn.ModuleList()
        for scale in scales:
            rescale, channels = _rescale(in_channels, scale, halving)
            self.levels.append(
                nn.Sequential(
                    rescale,
                    nn.Conv2d(channels, out_channels, 1, bias=False),
                    LayerNorm2d(out_channels, eps=_EPS),
                    nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
                    LayerNorm2d(out_channels, eps=_EPS),
                )
            )

    def forward(
        self, features: Sequence[Float[Tensor, "B _in _rows _columns"]]
    ) -> list[Float[Tensor, "B C _rows _columns"]]:
        """One map for each scale, made from the last incoming one."""
        return [level(features[-1]) for level in self.levels]


class WithPyramid(nn.Module):
    """A vision transformer and its pyramid as one backbone, for models without a neck (DETR).

    Attributes:
        out_channels: channels of each returned map.
        strides: input pixels per cell of each returned map.
    """

    def __init__(self, trunk: ViT | EVA02, pyramid: SimplePyramid) -> None:
        """Joins the two.

        Args:
            trunk: images to one map.
            pyramid: that map to several.
        """
        super().__init__()
        self.trunk = trunk
        self.pyramid = pyramid
        self.out_channels: tuple[int, ...] = (pyramid.out_channels,) * len(pyramid.scales)
        self.strides: tuple[int, ...] = tuple(
            round(trunk.strides[-1] / scale) for scale in pyramid.scales
        )

    def forward(
        self, images: Float[Tensor, "B 3 H W"]
    ) -> list[Float[Tensor, "B C _rows _columns"]]:
        """The maps of the pyramid.

        Images that are not a whole number of patches get zeros at the right and below, where
        batches of images of several sizes have them anyway.
        """
        below, beside = (-side % self.trunk.patch_size for side in images.shape[-2:])
        maps: list[Tensor] = self.pyramid(self.trunk(pad(images, (0, beside, 0, below))))
        return maps
