"""ResNet (arXiv:1512.03385): torchvision's network, cut before its classifier.

The parameters keep torchvision's names (conv1, bn1, layerN.M.convK), which are also those of mmdet
and of the checkpoints published with the PETR family.
"""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Literal, cast

import torchvision
from jaxtyping import Float
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck

from drivetr.nn.backbones.frozen import PartlyFrozen
from drivetr.nn.deformable_conv import ModulatedDeformConv2d
from drivetr.nn.recompute import run_block

STAGE_STRIDES = {1: 4, 2: 8, 3: 16, 4: 32}
_CONSTRUCTORS: dict[int, Callable[..., nn.Module]] = {
    18: torchvision.models.resnet18,
    34: torchvision.models.resnet34,
    50: torchvision.models.resnet50,
    101: torchvision.models.resnet101,
    152: torchvision.models.resnet152,
}


def _stage_choices() -> list[tuple[int, ...]]:
    return [chosen for count in range(1, 5) for chosen in combinations(STAGE_STRIDES, count)]


class ResNet(PartlyFrozen):
    """Feature maps of chosen stages of torchvision's ResNet.

    Attributes:
        out_channels: channels of each returned map.
        strides: input pixels per cell of each returned map.
    """

    def __init__(
        self,
        depth: int = 50,
        stages: Sequence[int] = (3, 4),
        style: Literal["pytorch", "caffe"] = "pytorch",
        frozen_stages: int = -1,
        frozen_norm: bool = False,
        with_checkpoint: bool = False,
        dilated: bool = False,
        deformable_stages: Sequence[int] = (),
    ) -> None:
        """Builds the network with random weights.

        Args:
            depth: 18, 34, 50, 101 or 152.
            stages: ascending numbers of the stages to return; n is torchvision's layer n, whose
                stride is 2 ** (n + 1). Later stages are not built.
            style: which convolution of a bottleneck takes the stride: the 3x3 one ("pytorch") or
                the first 1x1 one ("caffe", as in the original paper).
            frozen_stages: no gradients and no running statistics up to this stage; 0 is the stem,
                -1 freezes nothing.
            frozen_norm: batch norm uses its stored statistics and has no gradients.
            with_checkpoint: recompute each residual block in the backward pass to save memory.
            dilated: stage 4 looks farther instead of shrinking the map (DETR's DC5).
            deformable_stages: stages whose 3x3 convolutions choose where they look (DCNv2), as 3
                and 4 of the published R50DCN and R101DCN.

        Raises:
            ValueError: for an unknown depth, stage or style, or for checkpointing with live batch
                statistics, which the second forward pass would count twice.
        """
        super().__init__()
        if depth not in _CONSTRUCTORS or tuple(stages) not in _stage_choices():
            raise ValueError(f"no ResNet of depth {depth} with stages {stages}")
        if style not in ("pytorch", "caffe") or (style == "caffe" and depth < 50):
            raise ValueError(f"no ResNet of depth {depth} in style {style!r}")
        if with_checkpoint and not frozen_norm:
            raise ValueError("with_checkpoint needs frozen_norm")
        if (dilated or deformable_stages) and depth < 50:
            raise ValueError("dilated and deformable need bottleneck blocks, depth 50 or more")
        if not set(deformable_stages) <= {*range(1, stages[-1] + 1)}:
            raise ValueError(f"deformable_stages {deformable_stages} are not of the ones built")
        dilation = [False, False, dilated]
        network = _CONSTRUCTORS[depth](weights=None, replace_stride_with_dilation=dilation)
        built = [f"layer{n}" for n in range(1, stages[-1] + 1)]
        for name in ("conv1", "bn1", "relu", "maxpool", *built):
            self.add_module(name, network.get_submodule(name))
        if style == "caffe":
            self._move_strides_to_first_convolution()
        self._deform(deformable_stages)
        self.stages = tuple(stages)
        self.with_checkpoint = with_checkpoint
        last_convolution = "conv3" if depth >= 50 else "conv2"
        self.out_channels: tuple[int, ...] = tuple(
            self.get_parameter(f"layer{n}.0.{last_convolution}.weight").shape[0] for n in stages
        )
        self.strides: tuple[int, ...] = tuple(
            min(STAGE_STRIDES[n], 16 if dilated else 32) for n in stages
        )
        stem = ["conv1", "bn1"] if frozen_stages >= 0 else []
        self.freeze([*stem, *(f"layer{n}" for n in range(1, frozen_stages + 1))], frozen_norm)

    def torchvision_key(self, key: str) -> str | None:
        """Own name of a parameter in a torchvision checkpoint; None for what the cut leaves out."""
        left_out = ("fc.", *(f"layer{n}." for n in range(self.stages[-1] + 1, 5)))
        return None if key.startswith(left_out) else key

    def _move_strides_to_first_convolution(self) -> None:
        for name, first in self.named_modules():
            if isinstance(first, nn.Conv2d) and name.endswith(".0.conv1"):
                second = cast(nn.Conv2d, self.get_submodule(name.removesuffix("conv1") + "conv2"))
                first.stride, second.stride = second.stride, first.stride

    def _deform(self, stages: Sequence[int]) -> None:
        for number in stages:
            for block in cast(nn.Sequential, self.get_submodule(f"layer{number}")):
                bottleneck = cast(Bottleneck, block)
                bottleneck.conv2 = ModulatedDeformConv2d.like(bottleneck.conv2)

    @property
    def may_start_fresh(self) -> tuple[str, ...]:
        """Parameters that weights of a plain ResNet lack, and that start as zero."""
        return tuple(name for name in self.state_dict() if ".conv_offset." in name)

    def forward(
        self, images: Float[Tensor, "B 3 H W"]
    ) -> list[Float[Tensor, "B _channels _rows _columns"]]:
        """The maps of the chosen stages, finest first."""
        x = self.get_submodule("conv1")(images)
        x = self.get_submodule("relu")(self.get_submodule("bn1")(x))
        x = self.get_submodule("maxpool")(x)  # B 64 H/4 W/4
        features = []
        for number in range(1, self.stages[-1] + 1):
            for block in self.get_submodule(f"layer{number}").children():
                x = run_block(block, x, self.with_checkpoint)
            if number in self.stages:
                features.append(x)
        return features
