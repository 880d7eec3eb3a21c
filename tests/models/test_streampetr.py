"""StreamPETR as a whole: contract, numbers of queries, lanes that do not mix, gradients."""

import pytest
import torch

from drivetr.models.box_head import BoxHead, SigmoidCentre
from drivetr.models.criterion import SetCriterion
from drivetr.models.denoising import QueryDenoising
from drivetr.models.focal_criterion import FocalCriterion, FocalMatcher
from drivetr.models.focal_head import FocalHead
from drivetr.models.matcher import HungarianMatcher
from drivetr.models.petr import PETR
from drivetr.models.pyramid_petr import PyramidPETR
from drivetr.models.streampetr import StreamPETR
from drivetr.models.velocity import RecalledVelocity
from drivetr.nn.backbones.tiny_resnet import TinyResNet
from drivetr.nn.camera_alignment import CameraAlignment
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.feature_gate import FeatureGate
from drivetr.nn.frustum_position import FrustumPositionEncoding
from drivetr.nn.necks.cpfpn import CPFPN
from drivetr.nn.necks.fpn import FPN
from drivetr.nn.normalize import ImageNormalizer
from drivetr.nn.point_position import PointPosition
from drivetr.nn.queries import LearnedQueries
from drivetr.nn.query_memory import QueryMemory
from drivetr.nn.query_position import QueryPosition
from drivetr.nn.sampled_aggregation import SampledAggregation
from drivetr.nn.spatial_alignment import SpatialAlignment
from drivetr.structures.moments import Moments
from tests.models.samples import make_cameras, make_targets

SPAN = (-26.0, -26.0, -4.0, 26.0, 26.0, 3.0)
LEARNED, PROPAGATED, LENGTH = 12, 4, 10


def build(kind: str = "petr") -> StreamPETR:
    torch.manual_seed(0)
    width = 32
    detector = build_petr(width) if kind == "petr" else build_pyramid_petr(width)
    alignment = SpatialAlignment(width, width) if kind == "petr" else CameraAlignment(width)
    memory = QueryMemory(SPAN, width, LENGTH, PROPAGATED, PROPAGATED)
    return StreamPETR(detector, memory, alignment).eval()


def build_petr(width: int) -> PETR:
    backbone = TinyResNet(in_channels=3, num_blocks=1)
    return PETR(
        normalizer=ImageNormalizer(),
        backbone=backbone,
        neck=CPFPN(backbone.out_channels, width),
        position=FrustumPositionEncoding(
            width, cell_offset=0.5, sine=False, gate=FeatureGate(width)
        ),
        queries=LearnedQueries(LEARNED, width),
        decoder=TransformerDecoder(width, 4, 64, 2, 0.0),
        head=BoxHead(width, 10, 2, SigmoidCentre(SPAN), "streampetr", True),
        span=SPAN,
    )


def build_pyramid_petr(width: int) -> PyramidPETR:
    """RepDETR3D's detector in small."""
    backbone = TinyResNet(in_channels=3, num_blocks=1)
    attention = [SampledAggregation(width, 4, num_levels=4, num_points=5) for _ in range(2)]
    return PyramidPETR(
        normalizer=ImageNormalizer(),
        backbone=backbone,
        neck=FPN(backbone.out_channels, width, num_outs=4),
        position=QueryPosition(SPAN, width),
        queries=LearnedQueries(LEARNED, width),
        decoder=TransformerDecoder(
            width, 4, 64, 2, 0.0, cross_attention=attention, post_norm=False
        ),
        head=BoxHead(width, 10, 2, SigmoidCentre(SPAN), "streampetr", True),
        span=SPAN,
    )


@pytest.fixture(params=["petr", "sampled"])
def kind(request):
    return request.param


def drive(frames: int, lanes: int = 1, seed: int = 0) -> list[tuple]:
    """Inputs of consecutive frames; the car drives on by a metre each."""
    generator = torch.Generator().manual_seed(seed)
    inputs = []
    for number in range(frames):
        pose = torch.eye(4, dtype=torch.float64).repeat(lanes, 1, 1)
        pose[:, 0, 3] = 300.0 + number
        shape = (lanes, 6, 3, 96, 256)
        images = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
        seconds = torch.full((lanes,), 1.5e9 + 0.5 * number, dtype=torch.float64)
        moments = Moments(pose, seconds, torch.full((lanes,), number > 0))
        inputs.append((images, make_cameras(lanes), moments))
    return inputs


@torch.no_grad()
def streamed(model: StreamPETR, inputs: list[tuple]) -> tuple[list, list]:
    memory, found, memories = None, [], []
    for frame in inputs:
        outputs, memory = model(*frame, memory)
        found.append(outputs)
        memories.append(memory)
    return found, memories


def lane(inputs: list[tuple], row: int) -> list[tuple]:
    chosen = []
    for images, _, m in inputs:
        one = slice(row, row + 1)
        moments = Moments(m.global_from_lidar[one], m.timestamp_s[one], m.continues[one])
        chosen.append((images[one], make_cameras(1), moments))
    return chosen


def test_contract(kind):
    found, memories = streamed(build(kind), drive(3))
    assert found[-1]["pred_logits"].shape == (1, LEARNED + PROPAGATED, 10)
    assert found[-1]["anchors"].shape == (1, LEARNED + PROPAGATED, 3)
    assert memories[-1].content.shape == (1, LENGTH, 32)


def test_what_was_seen_before_matters(kind):
    model, inputs = build(kind), drive(2)
    found, _ = streamed(model, inputs)
    alone, _ = streamed(model, inputs[1:])
    assert (found[1]["pred_logits"] - alone[0]["pred_logits"]).abs().max() > 1e-3


def test_lanes_do_not_mix(kind):
    """Two lanes side by side, the second with a new scene in between, are two lanes alone."""
    model, inputs = build(kind), drive(3, lanes=2)
    inputs[1][2].continues[1] = False
    both, _ = streamed(model, inputs)
    for row in range(2):
        alone, _ = streamed(model, lane(inputs, row))
        for frame, expected in zip(both, alone, strict=True):
            for name in ("pred_logits", "pred_boxes"):
                torch.testing.assert_close(
                    frame[name][row : row + 1], expected[name], atol=1e-5, rtol=1e-5
                )


def test_streaming_is_a_pure_function(kind):
    model, inputs = build(kind), drive(3)
    first, _ = streamed(model, inputs)
    again, memories = streamed(model, inputs)
    assert torch.equal(first[-1]["pred_boxes"], again[-1]["pred_boxes"])
    before = memories[0].content.clone()
    model(*inputs[1], memories[0])
    assert torch.equal(memories[0].content, before)


def test_memory_does_not_grow_and_neither_does_the_work():
    """The twentieth frame is as large as the third in everything that the decoder is given."""
    model = build()
    _, memories = streamed(model, drive(20))
    assert memories[2].content.shape == memories[19].content.shape
    recalled = model.memory.recall(memories[19], drive(1)[0][2])
    start = model.start(recalled)
    assert start.content.shape[1] == LEARNED + PROPAGATED
    assert start.past.content.shape[1] == LENGTH - PROPAGATED


def test_propagated_queries_keep_their_numbers():
    found, memories = streamed(build(), drive(3))
    first, second = found[0]["ids"][0], found[1]["ids"][0]
    assert len(set(first.tolist())) == len(first)
    best = found[0]["pred_logits"][0].sigmoid().amax(-1).topk(PROPAGATED).indices
    assert second[LEARNED:].tolist() == first[best].tolist()
    assert not set(second[:LEARNED].tolist()) & set(first.tolist())
    assert len(set(second.tolist())) == len(second)
    assert memories[0].next_id.item() == len(first)


def test_a_remembered_object_drives_on():
    """It starts where it was plus its way, though the car has moved too."""
    model, inputs = build(), drive(2)
    model.move_on = True
    _, memories = streamed(model, inputs)
    recalled = model.memory.recall(memories[0], inputs[1][2])
    box = memories[0]
    expected = box.reference.clone()
    expected[..., :2] += 0.5 * box.velocity  # the car has not turned
    expected[..., 0] -= 301.0
    rows = slice(PROPAGATED)
    torch.testing.assert_close(model.places(recalled)[:, rows], expected[:, rows])


def test_the_head_is_told_what_is_remembered():
    model, inputs = build(), drive(2)
    torch.manual_seed(1)
    model.detector.head.velocity = RecalledVelocity(32)
    found, memories = streamed(model, inputs)
    told = model.start(model.memory.recall(memories[0], inputs[1][2])).remembered
    assert told.known[0].tolist() == [True] * PROPAGATED + [False] * (LENGTH - PROPAGATED)
    best = found[0]["pred_logits"][0].sigmoid().amax(-1).topk(PROPAGATED).indices
    boxes = found[0]["pred_boxes"][0, best]
    moved = boxes[:, :2] - torch.tensor([1.0, 0.0])  # the car drove a metre
    rows = slice(PROPAGATED)
    torch.testing.assert_close(told.place[0, rows], moved, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(told.velocity[0, rows], boxes[:, 8:])
    torch.testing.assert_close(told.age_s[0, rows], torch.full((PROPAGATED,), 0.5))
    torch.testing.assert_close(told.content[0, rows], found[0]["queries"][0, best])


@pytest.mark.parametrize("number", [0, 1])
def test_every_parameter_learns_from_either_frame(number, kind):
    model = build(kind)
    if kind == "petr":
        model.focal = FocalHead(32, stride=8)
    model.train()
    targets = [make_targets(5)]
    memory = None
    for frame in drive(number):
        _, memory = model(*frame, memory)
    noised = QueryDenoising(10, SPAN, 2)(targets)
    inputs = drive(number + 1)[number]
    outputs, _ = model(*inputs, memory, noised)
    focal = FocalCriterion(FocalMatcher(), stride=8) if kind == "petr" else None
    losses = SetCriterion(HungarianMatcher(), focal=focal)(outputs, targets, inputs[1])
    sum(losses.values()).backward()
    lazy = {name for name, p in model.named_parameters() if p.requires_grad and p.grad is None}
    assert not lazy
    assert outputs["denoising"]["layers"][0]["pred_logits"].shape[1] == 10


def test_the_focal_head_speaks_in_training_only():
    model, inputs = build(), drive(1)[0]
    model.focal = FocalHead(32, stride=8)
    assert "focal" not in model(*inputs)[0]
    assert "focal" in model.train()(*inputs)[0]


def test_noised_queries_change_nothing_for_the_others(kind):
    model, inputs = build(kind), drive(2)
    noised = QueryDenoising(10, SPAN, 2)([make_targets(5)])
    with torch.no_grad():
        _, memory = model(*inputs[0])
        alone, _ = model(*inputs[1], memory)
        beside, _ = model(*inputs[1], memory, noised)
    torch.testing.assert_close(alone["pred_boxes"], beside["pred_boxes"], atol=1e-5, rtol=1e-5)


def test_bare_points_stay_bare():
    """Point-aware attention compares places; age and motion join the content of queries only."""
    memory = QueryMemory(SPAN, 32, LENGTH, PROPAGATED, PROPAGATED, tell_positions=False)
    recalled = memory.recall(None, drive(1)[0][2])
    points = PointPosition(SPAN).encode_queries(torch.rand(1, LENGTH, 3))
    placed = memory.placed(points, memory.motion(recalled), recalled.age_s)
    assert torch.equal(placed.points, points.points)
    assert placed.added is None
    with pytest.raises(ValueError, match="positions that are added"):
        build().memory.placed(points, memory.motion(recalled), recalled.age_s)
