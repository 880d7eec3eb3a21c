"""PETR's feature pyramid, "CPFPN" in its code: only the finest map gets the last convolution."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from drivetr.nn.necks.fpn import add_top_down, named_conv


class CPFPN(nn.Module):
    """FPN without the 3x3 convolutions whose outputs nobody reads.

    Attributes:
        out_channels: channels of every returned map.
    """

    def __init__(self, in_channels: Sequence[int], out_channels: int) -> None:
        """Builds the pyramid.

        Args:
            in_channels: channels of each incoming map, finest first.
            out_channels: channels of every outgoing map.
        """
        super().__init__()
        self.out_channels = out_channels
        self.lateral_convs = nn.ModuleList(named_conv(c, out_channels, 1) for c in in_channels)
        self.fpn_convs = nn.ModuleList([named_conv(out_channels, out_channels, 3)])

    def forward(
        self, features: Sequence[Float[Tensor, "B _in _rows _columns"]]
    ) -> list[Float[Tensor, "B C _rows _columns"]]:
        """One map per incoming map, finest first; the coarser ones are bare sums of laterals."""
        laterals = [conv(x) for conv, x in zip(self.lateral_convs, features, strict=True)]
        summed = add_top_down(laterals)
        return [self.fpn_convs[0](summed[0]), *summed[1:]]
