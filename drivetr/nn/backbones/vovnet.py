"""VoVNet V2 (arXiv:1904.09730, arXiv:1911.06667), the larger backbone of the PETR family."""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import hardsigmoid

from drivetr.nn.backbones.frozen import PartlyFrozen
from drivetr.nn.recompute import run_block

FIRST_STAGE = 2  # what comes before is the stem; stage n has stride 2 ** n


def _convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
            norm=nn.BatchNorm2d(outputs),
            relu=nn.ReLU(inplace=True),
        )
    )


class ChannelGate(nn.Module):
    """Effective squeeze-excitation: every channel is multiplied by what all channels' means say.

    Args:
        channels: of the map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """The map times relu6(fc(mean) + 3) / 6."""
        return x * hardsigmoid(self.fc(x.mean((2, 3), keepdim=True)))


class OneShotAggregation(nn.Module):
    """A chain of 3x3 convolutions whose results are joined once, at its end.

    Args:
        in_channels: of the incoming map.
        layer_channels: of each convolution of the chain.
        out_channels: of the outgoing map.
        num_layers: convolutions in the chain.
        residual: whether the incoming map is added at the end.
    """

    def __init__(
        self,
        in_channels: int,
        layer_channels: int,
        out_channels: int,
        num_layers: int,
        residual: bool,
    ) -> None:
        super().__init__()
        widths = [in_channels, *[layer_channels] * num_layers]
        self.layers = nn.ModuleList(_convolution(*pair) for pair in pairwise(widths))
        self.concat = _convolution(sum(widths), out_channels, kernel=1)
        self.ese = ChannelGate(out_channels)
        self.residual = residual

    def forward(self, x: Float[Tensor, "B _in H W"]) -> Float[Tensor, "B _out H W"]:
        """The joined maps of the chain, the incoming one among them."""
        steps = [x]
        for layer in self.layers:
            steps.append(layer(steps[-1]))
        out: Tensor = self.ese(self.concat(torch.cat(steps, dim=1)))
        return out + x if self.residual else out


def _stem(first: int, second: int, third: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            conv1=_convolution(3, first, stride=2),
            conv2=_convolution(first, second),
            conv3=_convolution(second, third, stride=2),
        )
    )


def _stage(
    num_blocks: int, in_channels: int, layer_channels: int, out_channels: int, num_layers: int
) -> nn.Sequential:
    widths = [in_channels, *[out_channels] * (num_blocks - 1)]
    return nn.Sequential(
        OrderedDict(
            (
                f"block{i + 1}",
                OneShotAggregation(width, layer_channels, out_channels, num_layers, i > 0),
            )
            for i, width in enumerate(widths)
        )
    )


class VoVNet(PartlyFrozen):
    """Feature maps of chosen stages of VoVNet V2; defaults are V-99.

    Attributes:
        out_channels: channels of each returned map.
        strides: input pixels per cell of each returned map.
    """

    def __init__(
        self,
        stem_channels: Sequence[int] = (64, 64, 128),
        layer_channels: Sequence[int] = (128, 160, 192, 224),
        stage_channels: Sequence[int] = (256, 512, 768, 1024),
        num_layers: int = 5,
        num_blocks: Sequence[int] = (1, 3, 9, 3),
        stages: Sequence[int] = (4, 5),
        frozen_stages: int = 0,
        frozen_norm: bool = False,
        with_checkpoint: bool = False,
    ) -> None:
        """Builds the network with random weights.

        Args:
            stem_channels: of the three convolutions before the first stage.
            layer_channels: inside the blocks of stages 2, 3, 4 and 5.
            stage_channels: of the maps that these stages give.
            num_layers: convolutions in the chain of every block.
            num_blocks: of every stage.
            stages: ascending numbers of the stages to return; stage n has stride 2 ** n. Later
                stages are not built.
            frozen_stages: no gradients and no running statistics up to this stage; 1 is the stem,
                0 freezes nothing.
            frozen_norm: batch norm uses its stored statistics and has no gradients.
            with_checkpoint: recompute each block in the backward pass to save memory.

        Raises:
            ValueError: for sizes that do not belong together, for stages that there are not, or
                for checkpointing with live batch statistics, which the second forward pass would
                count twice.
        """
        super().__init__()
        last_stage = FIRST_STAGE + len(stage_channels) - 1
        if not len(layer_channels) == len(stage_channels) == len(num_blocks):
            raise ValueError("layer_channels, stage_channels and num_blocks differ in length")
        if not stages or sorted(set(stages) & {*range(2, last_stage + 1)}) != list(stages):
            raise ValueError(f"stages are {stages}, expected ascending ones of 2 to {last_stage}")
        if with_checkpoint and not frozen_norm:
            raise ValueError("with_checkpoint needs frozen_norm")
        self.stages = tuple(stages)
        self.with_checkpoint = with_checkpoint
        self.out_channels: tuple[int, ...] = tuple(stage_channels[n - FIRST_STAGE] for n in stages)
        self.strides: tuple[int, ...] = tuple(2**n for n in stages)
        self.stem = _stem(*stem_channels)
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        widths = [stem_channels[-1], *stage_channels]
        for i in range(stages[-1] - FIRST_STAGE + 1):
            stage = _stage(num_blocks[i], widths[i], layer_channels[i], widths[i + 1], num_layers)
            self.add_module(f"stage{i + FIRST_STAGE}", stage)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        frozen = ["stem"] if frozen_stages >= 1 else []
        frozen += [f"stage{n}" for n in range(FIRST_STAGE, frozen_stages + 1)]
        self.freeze(frozen, frozen_norm)

    def forward(
        self, images: Float[Tensor, "B 3 H W"]
    ) -> list[Float[Tensor, "B _channels _rows _columns"]]:
        """The maps of the chosen stages, finest first."""
        x = self.stem(images)  # B C H/4 W/4
        features = []
        for number in range(FIRST_STAGE, self.stages[-1] + 1):
            if number > FIRST_STAGE:
                x = self.pool(x)
            for block in self.get_submodule(f"stage{number}").children():
                x = run_block(block, x, self.with_checkpoint)
            if number in self.stages:
                features.append(x)
        return features
