"""Whole detectors: contract, absent cameras, permuted rigs, calibration that matters."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from drivetr.models.box_head import AttendedCentre, BoxHead, SigmoidCentre
from drivetr.models.criterion import SetCriterion
from drivetr.models.denoising import QueryDenoising
from drivetr.models.depth_head import DepthHead
from drivetr.models.detr3d import DETR3D
from drivetr.models.matcher import HungarianMatcher
from drivetr.models.multi_view import MultiViewDetector
from drivetr.models.petr import PETR
from drivetr.models.postprocess import TopKPostprocess
from drivetr.models.token_criterion import TokenCriterion
from drivetr.nn.backbones.tiny_resnet import TinyResNet
from drivetr.nn.backbones.vit import ViT
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.frustum_position import FrustumPositionEncoding
from drivetr.nn.grid_position import GridPosition
from drivetr.nn.necks.cpfpn import CPFPN
from drivetr.nn.necks.fpn import FPN
from drivetr.nn.normalize import ImageNormalizer
from drivetr.nn.point_position import PointPosition
from drivetr.nn.projected_sampling import ProjectedSampling
from drivetr.nn.queries import GridQueries, LearnedQueries
from drivetr.nn.ray_channels import GroundRays
from tests.models.samples import make_cameras, make_targets

SPAN = (-26.0, -26.0, -4.0, 26.0, 26.0, 3.0)
LEARNED = 16


def make_backbone(kind: str) -> nn.Module:
    if kind == "vit":
        return ViT(
            image_size=64, patch_size=16, num_layers=2, num_heads=2, embed_dim=32, mlp_dim=64
        )
    return TinyResNet(in_channels=5 if kind == "point" else 3, num_blocks=1)


def build(kind: str, num_cameras: int = 6) -> MultiViewDetector:
    torch.manual_seed(0)
    detector = build_detr3d(num_cameras) if kind == "detr3d" else build_petr(kind)
    return detector.eval()


def build_petr(kind: str) -> PETR:
    width, heads, layers = 32, 4, 2
    is_point = kind == "point"
    backbone = make_backbone(kind)
    position = {
        "point": PointPosition(SPAN),
        "frustum": FrustumPositionEncoding(width, num_depths=8),
        "vit": FrustumPositionEncoding(width, num_depths=8),
        "grid": GridPosition(width),
    }[kind]
    centre = AttendedCentre(SPAN, width, heads) if is_point else SigmoidCentre(SPAN)
    widths = (1.0, 2.0, 4.0, 8.0) if is_point else None
    return PETR(
        normalizer=ImageNormalizer(),
        backbone=backbone,
        neck=CPFPN(backbone.out_channels, width),
        position=position,
        queries=GridQueries(4, 0.4, width) if is_point else LearnedQueries(LEARNED, width),
        decoder=TransformerDecoder(width, heads, 64, layers, 0.0, widths, widths),
        head=BoxHead(width, 10, layers, centre),
        span=SPAN,
        refine=is_point,
        depth_head=DepthHead(width, 10, 8) if is_point else None,
        rays=GroundRays() if is_point else None,
    )


def build_detr3d(num_cameras: int) -> DETR3D:
    width, layers, levels = 32, 2, 4
    backbone = make_backbone("detr3d")
    attention = [ProjectedSampling(SPAN, width, num_cameras, levels) for _ in range(layers)]
    return DETR3D(
        normalizer=ImageNormalizer(),
        backbone=backbone,
        neck=FPN(backbone.out_channels, width, num_outs=levels),
        decoder=TransformerDecoder(
            width, 4, 64, layers, 0.0, cross_attention=attention, post_norm=False
        ),
        head=BoxHead(width, 10, layers, SigmoidCentre(SPAN), "petr"),
        span=SPAN,
        num_queries=LEARNED,
        embed_dim=width,
    )


@pytest.fixture(params=["point", "frustum", "grid", "vit", "detr3d"])
def kind(request):
    return request.param


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    shape = (2, 6, 3, 96, 256)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def test_contract(kind, images):
    outputs, memory = build(kind)(images, make_cameras(2))
    assert memory is None
    assert outputs["pred_logits"].shape == (2, LEARNED, 10)
    assert outputs["pred_boxes"].shape == (2, LEARNED, 10)
    assert len(outputs["aux_outputs"]) == 1
    assert (outputs["pred_boxes"][..., 3:6] > 0).all()
    assert len(TopKPostprocess()(outputs)) == 2


def test_every_parameter_learns(kind, images):
    model = build(kind).train()
    targets = [make_targets(5), make_targets(0)]
    tokens = TokenCriterion(8) if kind == "point" else None
    noised = QueryDenoising(10, SPAN, 2)(targets)
    outputs, _ = model(images, make_cameras(2), noised=noised)
    losses = SetCriterion(HungarianMatcher(), tokens=tokens)(outputs, targets, make_cameras(2))
    total = sum(losses.values())
    assert total.isfinite()
    total.backward()
    lazy = [name for name, p in model.named_parameters() if p.grad is None]
    assert lazy == []


def test_denoising_does_not_leak_into_matched_queries(kind, images):
    model, cameras = build(kind), make_cameras(2)
    noised = QueryDenoising(10, SPAN, 2)([make_targets(5), make_targets(3)])
    with torch.no_grad():
        alone, _ = model(images, cameras)
        beside, _ = model(images, cameras, noised=noised)
    torch.testing.assert_close(alone["pred_boxes"], beside["pred_boxes"], atol=1e-4, rtol=1e-4)


def test_absent_camera_is_not_looked_at(kind, images):
    """Whatever stands in the place of an absent camera's image changes nothing."""
    model, cameras = build(kind), make_cameras(2)
    valid = cameras.valid.clone()
    valid[:, 2] = False
    cameras = replace(cameras, valid=valid)
    other = images.clone()
    other[:, 2] = 255
    with torch.no_grad():
        first, second = model(images, cameras)[0], model(other, cameras)[0]
    assert torch.equal(first["pred_boxes"], second["pred_boxes"])
    assert first["pred_boxes"].isfinite().all()


def test_all_cameras_absent_gives_no_detections(kind, images):
    cameras = make_cameras(2)
    valid = cameras.valid.clone()
    valid[0] = False
    with torch.no_grad():
        outputs, _ = build(kind)(images, replace(cameras, valid=valid))
    assert outputs["pred_logits"].isfinite().all()
    empty, seen = TopKPostprocess()(outputs)
    assert len(empty) == 0
    assert len(seen) > 0
    assert outputs["blind"].tolist() == [True, False]


def test_camera_order_does_not_matter_to_the_point_aware_detector(images):
    order = torch.tensor([3, 1, 0, 5, 2, 4])
    model, cameras = build("point"), make_cameras(2)
    shuffled = replace(cameras, img_from_lidar=cameras.img_from_lidar[:, order])
    with torch.no_grad():
        first, second = model(images, cameras)[0], model(images[:, order], shuffled)[0]
    torch.testing.assert_close(first["pred_boxes"], second["pred_boxes"], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    ("kind", "matters"), [("point", True), ("frustum", True), ("grid", False), ("detr3d", True)]
)
def test_calibration_matters_where_it_should(kind, matters, images):
    model, cameras = build(kind), make_cameras(2)
    rolled = replace(cameras, img_from_lidar=cameras.img_from_lidar.roll(1, dims=1))
    with torch.no_grad():
        first, second = model(images, cameras)[0], model(images, rolled)[0]
    same = torch.allclose(first["pred_logits"], second["pred_logits"], atol=1e-6)
    assert same is not matters


@pytest.mark.parametrize("num_cameras", [1, 4, 7])
def test_other_rigs(kind, num_cameras):
    images = torch.zeros(1, num_cameras, 3, 96, 256)
    with torch.no_grad():
        outputs, _ = build(kind, num_cameras)(images, make_cameras(1, num_cameras))
    assert outputs["pred_boxes"].isfinite().all()
