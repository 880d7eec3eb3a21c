"""Runs drivetr's parts on the inputs of a recording; one runner a case name."""

from collections.abc import Callable

import torch
from torch import Tensor

from drivetr.models.petr_layouts import PETR_LAYOUT
from drivetr.nn.backbones.resnet import ResNet
from drivetr.nn.backbones.vovnet import VoVNet
from drivetr.nn.necks.cpfpn import CPFPN
from drivetr.nn.necks.fpn import FPN
from drivetr.nn.weights import load_weights
from tests.parity.clip_case import compare_clip
from tests.parity.comparison import FEATURES, Comparison
from tests.parity.detr3d_case import compare_detr3d_head
from tests.parity.detr_case import compare_detr
from tests.parity.golden_case import GoldenCase
from tests.parity.narrow import narrow
from tests.parity.petr_case import (
    compare_petr_head,
    compare_petr_loss,
    compare_streampetr_loss,
)
from tests.parity.streampetr_case import compare_streampetr_head

Runner = Callable[[GoldenCase], list[Comparison]]


def own_weights(case: GoldenCase, prefix: str) -> dict[str, Tensor]:
    """The case's weights under drivetr's names, for a part that stands alone."""
    named = PETR_LAYOUT.translate(case.weights)
    return {key.removeprefix(prefix): tensor for key, tensor in named.items()}


def compare_maps(case: GoldenCase, maps: list[Tensor], prefix: str) -> list[Comparison]:
    """Feature maps against the outputs `<prefix>0`, `<prefix>1`, …, all of them."""
    expected = [case.outputs[f"{prefix}{i}"] for i in range(len(case.outputs))]
    pairs = enumerate(zip(maps, expected, strict=True))
    return [Comparison(f"{prefix}{i}", *pair, FEATURES) for i, pair in pairs]


@torch.no_grad()
def compare_resnet(case: GoldenCase) -> list[Comparison]:
    settings = case.hyperparameters
    stages = tuple(i + 1 for i in settings["out_indices"])
    model = ResNet(settings["depth"], stages, settings["style"]).eval()
    weights = own_weights(case, "backbone.")
    if settings["base_channels"] != 64:
        narrow(model, weights)
    load_weights(model, weights)
    return compare_maps(case, model(case.input("img")), "feat_")


@torch.no_grad()
def compare_vovnet(case: GoldenCase) -> list[Comparison]:
    """From the stages' sizes that a recording holds; one without them is V-99."""
    settings = case.hyperparameters
    stages = [int(name.removeprefix("stage")) for name in settings["out_features"]]
    names = {
        "stem": "stem_channels",
        "stage_conv_ch": "layer_channels",
        "stage_out_ch": "stage_channels",
        "layer_per_block": "num_layers",
        "block_per_stage": "num_blocks",
    }
    sizes = {names[k]: v for k, v in settings.get("stage_specs", {}).items() if k in names}
    model = VoVNet(**sizes, stages=stages).eval()
    load_weights(model, own_weights(case, "backbone."))
    return compare_maps(case, model(case.input("img")), "feat_")


@torch.no_grad()
def compare_cpfpn(case: GoldenCase) -> list[Comparison]:
    settings = case.hyperparameters
    model = CPFPN(settings["in_channels"], settings["out_channels"])
    load_weights(model, own_weights(case, "neck."))
    return compare_maps(case, model(case.inputs("feat_")), "out_")


@torch.no_grad()
def compare_fpn(case: GoldenCase) -> list[Comparison]:
    settings = case.hyperparameters
    model = FPN(
        settings["in_channels"],
        settings["out_channels"],
        settings["start_level"],
        settings["num_outs"],
    )
    load_weights(model, own_weights(case, "neck."))
    return compare_maps(case, model(case.inputs("feat_")), "out_")


RUNNERS: dict[str, Runner] = {
    "resnet50_caffe": compare_resnet,
    "resnet50_pytorch": compare_resnet,
    "vovnet": compare_vovnet,
    "cpfpn": compare_cpfpn,
    "fpn": compare_fpn,
    "clip_hf": compare_clip,
    "detr": compare_detr,
    "detr3d_head": compare_detr3d_head,
    "petr_head": compare_petr_head,
    "petr_loss": compare_petr_loss,
    "petrv2_head": compare_petr_head,
    "streampetr_head": compare_streampetr_head,
    "streampetr_loss": compare_streampetr_loss,
}
