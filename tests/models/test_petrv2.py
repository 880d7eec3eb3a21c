"""PETRv2, as published and with points: two moments, the time between them, and training."""

import re
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from drivetr.errors import DrivetrError
from drivetr.geometry.boxes import VELOCITY
from drivetr.models.box_head import AttendedCentre, BoxHead, SigmoidCentre
from drivetr.models.criterion import SetCriterion
from drivetr.models.denoising import QueryDenoising
from drivetr.models.depth_head import DepthHead
from drivetr.models.matcher import HungarianMatcher
from drivetr.models.petr import PETR
from drivetr.models.token_criterion import TokenCriterion
from drivetr.models.velocity import AttendedVelocity, DisplacementVelocity
from drivetr.nn.backbones.tiny_resnet import TinyResNet
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.feature_gate import FeatureGate
from drivetr.nn.frustum_position import FrustumPositionEncoding
from drivetr.nn.necks.cpfpn import CPFPN
from drivetr.nn.normalize import ImageNormalizer
from drivetr.nn.point_position import PointPosition
from drivetr.nn.queries import GridQueries, LearnedQueries
from drivetr.nn.two_moments import TwoMomentAttention
from drivetr.structures.cameras import Cameras
from tests.models.samples import make_cameras, make_targets

SPAN = (-26.0, -26.0, -4.0, 26.0, 26.0, 3.0)
LEARNED = 16  # queries of the published kind
AGE_S = 0.5
WIDTH, HEADS, LAYERS = 32, 4, 2


def build(kind: str) -> PETR:
    torch.manual_seed(0)
    return {"published": build_published, "point": build_point}[kind]().eval()


def build_published() -> PETR:
    backbone = TinyResNet(num_blocks=1)
    return PETR(
        normalizer=ImageNormalizer(),
        backbone=backbone,
        neck=CPFPN(backbone.out_channels, WIDTH),
        position=FrustumPositionEncoding(WIDTH, num_depths=8, gate=FeatureGate(WIDTH)),
        queries=LearnedQueries(LEARNED, WIDTH),
        decoder=TransformerDecoder(WIDTH, HEADS, 64, LAYERS, 0.0),
        head=BoxHead(
            WIDTH,
            10,
            LAYERS,
            SigmoidCentre(SPAN),
            "petr",
            group_dims=(2, 1, 3, 2, 2),
            velocity=DisplacementVelocity(),
        ),
        span=SPAN,
    )


def build_point() -> PETR:
    backbone, widths = TinyResNet(num_blocks=1), (1.0, 2.0, 4.0, 8.0)
    looks = [TwoMomentAttention(WIDTH, HEADS, widths=widths) for _ in range(LAYERS)]
    return PETR(
        normalizer=ImageNormalizer(),
        backbone=backbone,
        neck=CPFPN(backbone.out_channels, WIDTH),
        position=PointPosition(SPAN),
        queries=GridQueries(4, 0.4, WIDTH),
        decoder=TransformerDecoder(
            WIDTH, HEADS, 64, LAYERS, 0.0, self_widths=widths, cross_attention=looks
        ),
        head=BoxHead(
            WIDTH,
            10,
            LAYERS,
            AttendedCentre(SPAN, WIDTH, 2 * HEADS),
            velocity=AttendedVelocity(WIDTH, HEADS),
        ),
        span=SPAN,
        refine=True,
        depth_head=DepthHead(WIDTH, 10, 8),
    )


def two_moments(batch: int, age_s: float = AGE_S) -> Cameras:
    """The cameras of now, and the same ones some time ago, when the car was two metres behind."""
    now = make_cameras(batch)
    then_from_now = torch.eye(4, dtype=torch.float64)
    then_from_now[1, 3] = 2.0
    age = torch.zeros(batch, 6, dtype=torch.float64)
    return Cameras(
        torch.cat([now.img_from_lidar, now.img_from_lidar @ then_from_now], dim=1),
        now.image_size.repeat(1, 2, 1),
        now.pad_size,
        now.valid.repeat(1, 2),
        torch.cat([age, age + age_s], dim=1),
    )


@pytest.fixture(params=["published", "point"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def images() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, 12, 3, 96, 256), generator=generator, dtype=torch.uint8)


@torch.no_grad()
def test_contract(kind: str, images: Tensor) -> None:
    outputs, memory = build(kind)(images, two_moments(2))
    assert memory is None
    assert outputs["pred_boxes"].shape == (2, 16, 10)
    assert outputs["pred_boxes"].isfinite().all()


@torch.no_grad()
def test_old_images_matter_and_are_not_those_of_now(kind: str, images: Tensor) -> None:
    detector, cameras = build(kind), two_moments(2)
    boxes = detector(images, cameras)[0]["pred_boxes"]
    other = images.clone()
    other[:, 6:] = 255 - other[:, 6:]
    assert not torch.allclose(detector(other, cameras)[0]["pred_boxes"], boxes, atol=1e-4)
    swapped = detector(images.roll(6, dims=1), cameras)[0]["pred_boxes"]
    assert not torch.allclose(swapped, boxes, atol=1e-4)


@torch.no_grad()
def test_the_published_velocity_is_per_second(images: Tensor) -> None:
    """Twice the time for what looks the same is half the velocity, in every layer, and no more."""
    detector = build("published")
    short, long = (detector(images, two_moments(2, age))[0] for age in (0.5, 1.0))
    for a, b in zip([*short["aux_outputs"], short], [*long["aux_outputs"], long], strict=True):
        boxes, half = a["pred_boxes"], b["pred_boxes"].clone()
        half[..., VELOCITY] *= 2
        torch.testing.assert_close(boxes, half)


@torch.no_grad()
def test_a_frame_without_a_past_has_no_news_from_it(images: Tensor) -> None:
    """With no old image at hand nothing moved, whatever their pixels hold."""
    detector, cameras = build("point"), two_moments(2)
    valid = cameras.valid.clone()
    valid[1, 6:] = False
    cameras = replace(cameras, valid=valid)
    other = images.clone()
    other[1, 6:] = 0
    outputs = [detector(x, cameras)[0]["pred_boxes"] for x in (images, other)]
    assert outputs[0].isfinite().all()
    torch.testing.assert_close(outputs[0], outputs[1])


def test_without_ages_there_is_no_velocity(kind: str, images: Tensor) -> None:
    with pytest.raises(DrivetrError, match="no earlier ones"):
        build(kind)(images, replace(two_moments(2), age_s=None))


def test_every_parameter_learns(kind: str, images: Tensor) -> None:
    detector = build(kind).train()
    targets = [make_targets(5, seed=seed) for seed in range(2)]
    noised = QueryDenoising(10, SPAN, groups=2)(targets)
    cameras = two_moments(2)
    outputs, _ = detector(images, cameras, noised=noised)
    tokens = TokenCriterion(stride=8) if kind == "point" else None
    criterion = SetCriterion(HungarianMatcher(), code_weights=(1.0,) * 10, tokens=tokens)
    losses = criterion(outputs, targets, cameras)
    assert {f"dn{i}.loss_bbox" for i in range(LAYERS)} <= set(losses)
    torch.stack(list(losses.values())).sum().backward()
    idle = [name for name, p in detector.named_parameters() if p.grad is None or not p.grad.any()]
    # Published queries start without content, so the first of them have nothing to tell each other.
    silent = r"decoder\.layers\.0\.(self_attention|norms\.0)\..*weight"
    assert not [n for n in idle if kind == "point" or not re.fullmatch(silent, n)]
