"""Modulated deformable convolution, DCNv2 (arXiv:1811.11168)."""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torchvision.ops import deform_conv2d


class ModulatedDeformConv2d(nn.Conv2d):
    """A convolution that looks for itself where it samples, and how much each sample counts.

    At every output cell a plain convolution of the same kernel, stride, padding and dilation gives
    three numbers for each of the P points of the kernel: how far down and how far right of its
    regular place it is sampled, in cells and bilinearly, zero outside the map; and the logit of its
    weight. The order is mmcv's: (down, right) of point 0, of point 1, ..., then P logits; points
    row by row. These start as zero: every sample then counts half.

    Attributes:
        conv_offset: gives the 3 P numbers.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        bias: bool = True,
    ) -> None:
        """Builds the layer with random weights.

        Args:
            in_channels: of the incoming map.
            out_channels: of the outgoing map.
            kernel_size: side of the square kernel.
            stride: as a plain convolution's.
            padding: likewise.
            dilation: likewise.
            bias: whether a bias is added at the end.
        """
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, bias=bias
        )
        self.conv_offset = nn.Conv2d(
            in_channels, 3 * kernel_size**2, kernel_size, stride, padding, dilation
        )
        nn.init.zeros_(self.conv_offset.weight)
        nn.init.zeros_(cast(Tensor, self.conv_offset.bias))

    @classmethod
    def like(cls, plain: nn.Conv2d) -> "ModulatedDeformConv2d":
        """The deformable twin of a square convolution without groups, with its weights."""
        (kernel, *_), (stride, *_), (dilation, *_) = plain.kernel_size, plain.stride, plain.dilation
        padding = cast(tuple[int, int], plain.padding)[0]
        with_bias = plain.bias is not None
        twin = cls(
            plain.in_channels, plain.out_channels, kernel, stride, padding, dilation, with_bias
        )
        twin.weight, twin.bias = plain.weight, plain.bias
        return twin

    def forward(self, input: Float[Tensor, "B _in H W"]) -> Float[Tensor, "B _out _rows _columns"]:
        """The convolved map, in single precision: places of samples do not survive 16 bits."""
        with torch.autocast(input.device.type, enabled=False):
            x = input.to(self.weight.dtype)
            offsets, logits = self.conv_offset(x).tensor_split([-self._points], dim=1)
            convolved: Tensor = deform_conv2d(
                x,
                offsets,
                self.weight,
                self.bias,
                self.stride,
                cast(tuple[int, int], self.padding),
                self.dilation,
                logits.sigmoid(),
            )
        return convolved

    @property
    def _points(self) -> int:
        return self.kernel_size[0] * self.kernel_size[1]
