"""Feature pyramid network (arXiv:1612.03144) with the parameter names of mmdet's FPN."""

from collections import OrderedDict
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


def named_conv(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """A convolution with same padding, Xavier weights and the parameter prefix `conv.`."""
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2)
    nn.init.xavier_uniform_(conv.weight)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return nn.Sequential(OrderedDict(conv=conv))


def add_top_down(laterals: Sequence[Tensor]) -> list[Tensor]:
    """Adds to every map the coarser ones, repeated to its size; maps are finest first."""
    summed = [laterals[-1]]
    for lateral in reversed(laterals[:-1]):
        coarser = functional.interpolate(summed[0], size=lateral.shape[-2:], mode="nearest")
        summed.insert(0, lateral + coarser)
    return summed


class FPN(nn.Module):
    """Maps of equal width at several strides.

    Attributes:
        out_channels: channels of every returned map.
    """

    def __init__(
        self, in_channels: Sequence[int], out_channels: int, start_level: int = 0, num_outs: int = 0
    ) -> None:
        """Builds the pyramid.

        Args:
            in_channels: channels of each incoming map, finest first.
            out_channels: channels of every outgoing map.
            start_level: first incoming map that is used.
            num_outs: number of outgoing maps, 0 for as many as are used; each further one is a
                convolution of stride 2 over the last output.
        """
        super().__init__()
        used = list(in_channels)[start_level:]
        num_extra = max(num_outs, len(used)) - len(used)
        self.start_level = start_level
        self.out_channels = out_channels
        self.lateral_convs = nn.ModuleList(named_conv(c, out_channels, 1) for c in used)
        self.fpn_convs = nn.ModuleList(
            named_conv(out_channels, out_channels, 3, stride)
            for stride in [1] * len(used) + [2] * num_extra
        )

    def forward(
        self, features: Sequence[Float[Tensor, "B _in _rows _columns"]]
    ) -> list[Float[Tensor, "B C _rows _columns"]]:
        """The pyramid, finest map first."""
        used = features[self.start_level :]
        laterals = [conv(x) for conv, x in zip(self.lateral_convs, used, strict=True)]
        summed = add_top_down(laterals)
        convs = list(self.fpn_convs)
        outputs = [conv(x) for conv, x in zip(convs, summed, strict=False)]
        for i, conv in enumerate(convs[len(summed) :]):
            # The reference rectifies between further maps, but not before the first of them.
            outputs.append(conv(functional.relu(outputs[-1]) if i else outputs[-1]))
        return outputs
