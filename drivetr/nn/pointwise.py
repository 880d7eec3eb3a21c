"""A 1x1 convolution, for configs that project a feature map."""

from torch import nn


class PointwiseConv(nn.Conv2d):
    """A linear map of the channels of every cell.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size=1)
