"""Names of whole published checkpoints against those of drivetr's detector."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from drivetr.models.box_head import BoxHead, SigmoidCentre
from drivetr.models.layouts import Layout, layout_of
from drivetr.models.petr import PETR
from drivetr.models.petr_layouts import (
    DETR3D_LAYOUT,
    PETR_LAYOUT,
    PETR_LAYOUTS,
    STREAMPETR_LAYOUT,
)
from drivetr.nn.backbones.resnet import ResNet
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.feature_gate import FeatureGate
from drivetr.nn.frustum_position import FrustumPositionEncoding
from drivetr.nn.necks.cpfpn import CPFPN
from drivetr.nn.queries import LearnedQueries
from tests.parity.golden_case import GoldenCase

DIM, LAYERS = 16, 2


def detector(in_time: bool = False) -> PETR:
    """PETR with a ResNet, or PETRv2 with the options that have weights."""
    backbone, span = ResNet(50), (-51.2, -51.2, -5.0, 51.2, 51.2, 3.0)
    return PETR(
        normalizer=nn.Identity(),
        backbone=backbone,
        neck=CPFPN(backbone.out_channels, DIM),
        position=FrustumPositionEncoding(DIM, gate=FeatureGate(DIM) if in_time else None),
        queries=LearnedQueries(5, DIM),
        decoder=TransformerDecoder(DIM, 2, 32, LAYERS),
        head=BoxHead(
            DIM,
            10,
            6,
            SigmoidCentre(span),
            "petr",
            share_branches=not in_time,
            group_dims=(2, 1, 3, 2, 2) if in_time else None,
        ),
        span=span,
        input_proj=nn.Conv2d(DIM, DIM, 1),
    )


def recorded(golden_dir: Path, *cases: str) -> dict[str, Tensor]:
    """Names and shapes of recorded weights."""
    shapes: dict[str, list[int]] = {}
    for case in cases:
        shapes |= GoldenCase.open(golden_dir / f"{case}.json").meta["weights"]["shapes"]
    return {key: torch.zeros(shape) for key, shape in shapes.items()}


@pytest.mark.parametrize("head", ["petr", "petrv2"])
def test_every_name_of_a_published_petr_has_one_place(golden_dir: Path, head: str) -> None:
    """Trunk, neck and head together are all names of the detector, each once."""
    published = recorded(golden_dir, "resnet50_pytorch_full", "cpfpn_full", f"{head}_head_tiny")
    translated = PETR_LAYOUT.translate(published)
    assert set(translated) == set(detector(in_time=head == "petrv2").state_dict())
    assert [*PETR_LAYOUT.dropped(published)] == ["pts_bbox_head.code_weights"]


@pytest.mark.parametrize(
    ("case", "layout"),
    [
        ("petr_head_tiny", PETR_LAYOUT),
        ("petrv2_head_tiny", PETR_LAYOUT),
        ("streampetr_head_tiny", STREAMPETR_LAYOUT),
        ("detr3d_head_tiny", DETR3D_LAYOUT),
    ],
)
def test_every_recorded_name_is_known(golden_dir: Path, case: str, layout: Layout) -> None:
    """The sign tells the layout; no name stays as it is, and only settings are dropped."""
    published = recorded(golden_dir, case)
    assert layout_of(published, PETR_LAYOUTS, case) is layout
    left = [key for key in layout.translate(published) if "pts_bbox_head" in key]
    assert not left
    assert all(
        t.numel() <= 64 and t.ndim == 1 for t in map(published.get, layout.dropped(published))
    )


def test_what_is_a_matrix_in_streampetr_is_a_kernel_here() -> None:
    names = ("position_encoder.0", "featurized_pe.conv_reduce", "memory_embed.0")
    published = {f"pts_bbox_head.{n}.weight": torch.randn(3, 2) for n in names}
    translated = STREAMPETR_LAYOUT.translate(published)
    kernel = translated["detector.position.position_encoder.0.weight"]
    assert torch.equal(kernel[:, :, 0, 0], published["pts_bbox_head.position_encoder.0.weight"])
    assert translated["detector.position.gate.reduce.weight"].shape == (3, 2, 1, 1)
    assert translated["alignment.embed.0.weight"].shape == (3, 2)


def test_rules_hold_at_the_beginning_only() -> None:
    key = "other.img_neck.lateral_convs.0.conv.weight"
    assert [*PETR_LAYOUT.translate({key: torch.zeros(1)})] == [key]
