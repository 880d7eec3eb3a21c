"""Names of whole published checkpoints against those of drivetr's detector."""

from pathlib import Path

from torch import nn

from drivetr.models.box_head import BoxHead, SigmoidCentre
from drivetr.models.key_maps import PETR_KEYS, RegexKeyMap
from drivetr.models.petr import PETR
from drivetr.nn.backbones.resnet import ResNet
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.frustum_position import FrustumPositionEncoding
from drivetr.nn.necks.cpfpn import CPFPN
from drivetr.nn.queries import LearnedQueries
from tests.parity.golden_case import GoldenCase

DIM, LAYERS = 16, 2


def detector() -> PETR:
    backbone, span = ResNet(50), (-51.2, -51.2, -5.0, 51.2, 51.2, 3.0)
    return PETR(
        normalizer=nn.Identity(),
        backbone=backbone,
        neck=CPFPN(backbone.out_channels, DIM),
        position=FrustumPositionEncoding(DIM),
        queries=LearnedQueries(5, DIM),
        decoder=TransformerDecoder(DIM, 2, 32, LAYERS),
        head=BoxHead(DIM, 10, 6, SigmoidCentre(span), "petr", share_branches=True),
        span=span,
        input_proj=nn.Conv2d(DIM, DIM, 1),
    )


def test_every_name_of_a_published_petr_has_one_place(golden_dir: Path) -> None:
    """Trunk, neck and head together are all names of the detector, each once."""
    mapped: list[str] = []
    for case in ("resnet50_pytorch_full", "cpfpn_full", "petr_head_tiny"):
        published = GoldenCase.open(golden_dir / f"{case}.json").meta["weights"]["shapes"]
        mapped += [name for key in published if (name := PETR_KEYS(key)) is not None]
    assert len(mapped) == len(set(mapped))
    assert set(mapped) == set(detector().state_dict())


def test_deformable_convolutions_stay_unexpected() -> None:
    key = "img_backbone.layer3.0.conv2.conv_offset.weight"
    assert PETR_KEYS(key) not in detector().state_dict()


def test_rules_hold_at_the_beginning_only() -> None:
    names = RegexKeyMap(rules=((r"neck\.", "n."),), ignored=("loss.",))
    assert names("neck.a") == "n.a"
    assert names("backneck.a") == "backneck.a"
    assert names("loss.weights") is None
