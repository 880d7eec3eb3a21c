"""A residual network of 0.7 million parameters for small training budgets."""

from collections.abc import Callable, Sequence

from jaxtyping import Float
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

_GROUPS = 8


def _group_norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(_GROUPS, channels)


def _stage(
    in_channels: int, channels: int, stride: int, num_blocks: int, norm: Callable[[int], nn.Module]
) -> nn.Sequential:
    downsample = None
    if stride != 1 or in_channels != channels:
        projection = nn.Conv2d(in_channels, channels, 1, stride, bias=False)
        downsample = nn.Sequential(projection, norm(channels))
    blocks = [BasicBlock(in_channels, channels, stride, downsample, norm_layer=norm)]
    blocks += [BasicBlock(channels, channels, norm_layer=norm) for _ in range(num_blocks - 1)]
    return nn.Sequential(*blocks)


class TinyResNet(nn.Module):
    """Two convolutions to stride 4, then residual stages whose strides double: 4, 8, 16.

    Attributes:
        out_channels: channels of each returned map.
        strides: input pixels per cell of each returned map.
    """

    def __init__(
        self,
        in_channels: int = 3,
        channels: Sequence[int] = (32, 64, 128),
        num_blocks: int = 2,
        num_outs: int = 2,
        group_norm: bool = False,
    ) -> None:
        """Builds the network with random weights.

        Args:
            in_channels: 3, or more where each pixel brings extra channels such as its ground ray.
            channels: of each stage.
            num_blocks: residual blocks per stage.
            num_outs: how many of the last stages are returned.
            group_norm: eight groups of channels and not batches are normalised, so that the result
                does not depend on what else is in the batch, nor on the number of processes. As
                fast as batch norm on a CPU.
        """
        super().__init__()
        norm: Callable[[int], nn.Module] = _group_norm if group_norm else nn.BatchNorm2d
        stem_width = channels[0] * 3 // 4
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, stem_width, 3, 2, 1, bias=False),
            norm(stem_width),
            nn.ReLU(inplace=True),
            nn.Conv2d(stem_width, channels[0], 3, 2, 1, bias=False),
            norm(channels[0]),
            nn.ReLU(inplace=True),
        )
        widths = (channels[0], *channels)
        self.layers = nn.ModuleList(
            _stage(widths[i], widths[i + 1], 1 if i == 0 else 2, num_blocks, norm)
            for i in range(len(channels))
        )
        self.num_outs = num_outs
        self.out_channels: tuple[int, ...] = tuple(channels[-num_outs:])
        self.strides: tuple[int, ...] = tuple(4 * 2**i for i in range(len(channels)))[-num_outs:]
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(
        self, images: Float[Tensor, "B C H W"]
    ) -> list[Float[Tensor, "B _channels _rows _columns"]]:
        """The maps of the last `num_outs` stages, finest first."""
        x = self.stem(images)
        features = []
        for layer in self.layers:
            x = layer(x)
            features.append(x)
        return features[-self.num_outs :]
