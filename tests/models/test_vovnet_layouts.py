"""Names of the recorded VoVNet."""

import json
from pathlib import Path

import torch

from drivetr.models.layouts import behind
from drivetr.models.vovnet_layouts import VOVNET, VOVNET_RULES
from drivetr.nn.backbones.vovnet import VoVNet


def test_every_recorded_name_is_one_of_v99(golden_dir: Path) -> None:
    """The recorded network has fewer layers in a block and fewer blocks, and no name besides."""
    shapes = json.loads((golden_dir / "vovnet_tiny.json").read_text())["weights"]["shapes"]
    state = {key: torch.zeros(()) for key in shapes}
    with torch.device("meta"):
        known = {f"backbone.{key}" for key in VoVNet(stages=(2, 3, 4, 5)).state_dict()}
    translated = set(VOVNET.translate(state))
    assert len(translated) == len(state)
    assert translated <= known


def test_names_of_one_block() -> None:
    names = {
        "stem.stem_2/norm.running_mean": "stem.conv2.norm.running_mean",
        "stage4.OSA4_9.layers.4.OSA4_9_4/conv.weight": "stage4.block9.layers.4.conv.weight",
        "stage4.OSA4_9.concat.OSA4_9_concat/norm.bias": "stage4.block9.concat.norm.bias",
        "stage4.OSA4_9.ese.fc.bias": "stage4.block9.ese.fc.bias",
    }
    state = {f"img_backbone.{key}": torch.zeros(()) for key in names}
    assert list(VOVNET.translate(state)) == [f"backbone.{key}" for key in names.values()]


def test_rules_behind_a_name() -> None:
    moved = behind(VOVNET_RULES, r"trunk\.", "a.b.")
    assert moved[0] == (r"trunk\.stem\.stem_(\d)/", r"a.b.stem.conv\1.")
