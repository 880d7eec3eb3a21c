"""Where chosen queries looked: against all rows, torch's own attention, and blindfolded cameras."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from drivetr.geometry.boxes import CENTER
from drivetr.models.lenet import LeNet5
from drivetr.models.query_attention import (
    cross_attentions,
    multi_view_part,
    watched_queries,
)
from drivetr.nn.attention_maps import recorded_attention
from drivetr.nn.ranges import metres_from_unit
from drivetr.structures.moments import Moments
from tests.models.samples import make_cameras
from tests.models.test_multi_view import SPAN, build
from tests.models.test_petrv2 import build as build_petrv2
from tests.models.test_petrv2 import two_moments
from tests.models.test_streampetr import build as build_stream

ASKED = [11, 0, 7]
NOBODY = torch.eye(4, dtype=torch.float64)[None]


def draw(num_cameras: int = 6) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (1, num_cameras, 3, 96, 256)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["point", "frustum", "grid", "vit"])
def test_chosen_rows_equal_those_of_the_full_matrix(kind):
    model = build(kind)
    name = "layers.1.cross_attention"
    with watched_queries(model) as watch, recorded_attention(model.decoder, [name]) as full:
        model(draw(), make_cameras())
    found = watch.attention(ASKED, layer=1)
    heads, cells = full[name][0].shape[1], full[name][0].shape[-1]
    assert found.shape == (3, heads, 6, *found.shape[-2:])
    assert found.shape[-2] * found.shape[-1] * 6 == cells
    assert found.shape[-1] / found.shape[-2] == pytest.approx(256 / 96)
    expected = full[name][0][0][:, ASKED].transpose(0, 1)
    torch.testing.assert_close(found.flatten(2), expected)
    torch.testing.assert_close(found.sum((2, 3, 4)), torch.ones(3, heads))


@torch.no_grad()
def test_equals_torchs_own_attention():
    """`need_weights` of torch.nn.functional, from the inputs that the layer was called with."""
    model = build("frustum")
    attention = cross_attentions(model)[0]
    calls = []
    hook = attention.register_forward_pre_hook(lambda _, inputs: calls.append(inputs))
    with watched_queries(model) as watch:
        model(draw(), make_cameras())
    hook.remove()
    query, key, query_position, key_position, _ = calls[0]
    _, expected = functional.multi_head_attention_forward(
        (query + query_position.added).transpose(0, 1),
        (key + key_position.added).transpose(0, 1),
        key.transpose(0, 1),
        embed_dim_to_check=32,
        num_heads=attention.num_heads,
        in_proj_weight=attention.in_proj_weight,
        in_proj_bias=attention.in_proj_bias,
        bias_k=None,
        bias_v=None,
        add_zero_attn=False,
        dropout_p=0.0,
        out_proj_weight=attention.out_proj.weight,
        out_proj_bias=attention.out_proj.bias,
        training=False,
        need_weights=True,
        average_attn_weights=False,
    )
    found = watch.attention(ASKED, layer=0).flatten(2)
    torch.testing.assert_close(found, expected[0][:, ASKED].transpose(0, 1))


@torch.no_grad()
@pytest.mark.parametrize("kind", ["point", "detr3d"])
def test_nothing_is_computed_that_nobody_asks_for(kind, monkeypatch):
    """The pass gives the same bits and computes no weights; a question computes one layer's."""
    model = build(kind)
    asked = []
    own = type(cross_attentions(model)[0])
    weights = own.weights

    def counted(self: nn.Module, query: Tensor, *others):
        asked.append(query.shape[1])
        return weights(self, query, *others)

    monkeypatch.setattr(own, "weights", counted)
    alone, _ = model(draw(), make_cameras())
    with watched_queries(model) as watch:
        beside, _ = model(draw(), make_cameras())
    assert asked == []
    assert torch.equal(alone["pred_boxes"], beside["pred_boxes"])
    watch.attention(ASKED, layer=1)
    assert asked == [3]  # rows of one layer
    assert not any(module._forward_pre_hooks for module in model.modules())
    assert not any(module._forward_hooks for module in model.modules())


def knocked_out(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean share of each camera over layers and heads, and metres that each one's absence costs."""
    cameras = make_cameras()
    with watched_queries(model) as watch:
        outputs, _ = model(images, cameras)
    queries = list(range(outputs["pred_boxes"].shape[1]))
    looked = torch.stack([watch.attention(queries, layer) for layer in range(len(watch))])
    moved = []
    for camera in range(6):
        valid = torch.ones(1, 6, dtype=torch.bool)
        valid[0, camera] = False
        without, _ = model(images, replace(cameras, valid=valid))
        moved.append((without["pred_boxes"] - outputs["pred_boxes"])[0, :, CENTER].norm(dim=-1))
    return looked.mean((0, 2)).sum((-2, -1)), torch.stack(moved, dim=1)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["point", "detr3d"])
def test_without_the_camera_that_counts_the_box_moves_most(kind):
    """Of queries with one camera in front: nearly always that one, and most on average.

    An untrained network owes nobody more: softmax gives a hidden camera's weight to others.
    """
    shares, moved = knocked_out(build(kind), draw())
    shares, moved = shares[shares.amax(1) > 0.6], moved[shares.amax(1) > 0.6]
    assert len(shares) >= 6
    first = shares.argmax(1)
    assert (first == moved.argmax(1)).double().mean() >= 0.8
    by_rank = moved.gather(1, shares.argsort(1, descending=True)).mean(0)
    assert by_rank[0] > by_rank[1:].max()


@torch.no_grad()
def test_an_absent_camera_carries_nothing():
    cameras = make_cameras()
    valid = torch.tensor([[True, False, True, True, True, True]])
    for kind in ("point", "detr3d"):
        model = build(kind)
        with watched_queries(model) as watch:
            model(draw(), replace(cameras, valid=valid))
        for layer in range(2):
            assert not watch.attention(ASKED, layer)[:, :, 1].any()


@torch.no_grad()
@pytest.mark.parametrize("kind", ["published", "point"])
def test_images_of_now_and_of_the_past(kind):
    """One softmax over both, or heads of their own for each."""
    model = build_petrv2(kind).eval()
    with watched_queries(model) as watch:
        outputs, _ = model(draw(two_moments(1).valid.shape[1]), two_moments(1))
    queries = [outputs["pred_boxes"].shape[1] - 1]
    found = watch.attention(queries, layer=0)  # R heads N h w
    heads = found.shape[1]
    torch.testing.assert_close(found.sum((2, 3, 4)), torch.ones(1, heads))
    images = found.shape[2]
    now, past = found[:, :, : images // 2], found[:, :, images // 2 :]
    if kind == "point":
        assert not now[:, heads // 2 :].any()
        assert not past[:, : heads // 2].any()
    else:
        assert now.any()
        assert past.any()


@torch.no_grad()
@pytest.mark.parametrize("kind", ["petr", "pyramid"])
def test_a_detector_with_a_memory(kind):
    """Queries that go on from the frame before are asked like any other; the memory is the same."""
    model = build_stream(kind)
    moments = Moments(NOBODY, torch.zeros(1).double(), torch.tensor([False]))
    later = Moments(NOBODY, torch.full((1,), 0.5).double(), torch.tensor([True]))
    _, memory = model(draw(), make_cameras(), moments)
    plain, _ = model(draw(), make_cameras(), later, memory)
    with watched_queries(model) as watch:
        outputs, _ = model(draw(), make_cameras(), later, memory)
    assert torch.equal(plain["pred_boxes"], outputs["pred_boxes"])
    last = outputs["pred_boxes"].shape[1] - 1  # one of the propagated
    totals = watch.attention([last], layer=1).sum((2, 3, 4))
    assert (totals <= 1 + 1e-5).all()
    if kind == "petr":
        torch.testing.assert_close(totals, torch.ones_like(totals))
    start = watch.path([last])[0, 0]
    torch.testing.assert_close(start, outputs["anchors"][0, last].float())


@torch.no_grad()
def test_the_path_is_the_reference_points_of_the_layers():
    """What a refining detector hands to its position encoding, in metres, then the last centre."""
    model = build("point")
    handed = []
    encode = model.position.encode_queries

    def listening(reference):
        handed.append(metres_from_unit(reference, SPAN)[0, ASKED])
        return encode(reference)

    model.position.encode_queries = listening
    with watched_queries(model) as watch:
        outputs, _ = model(draw(), make_cameras())
    path = watch.path(ASKED)
    assert path.shape == (3, 3, 3)
    torch.testing.assert_close(path[:, :2], torch.stack(handed, dim=1), atol=1e-4, rtol=0)
    torch.testing.assert_close(path[:, 2], outputs["pred_boxes"][0, ASKED][:, CENTER])


class TestWrongQuestions:
    def test_another_model(self):
        assert multi_view_part(LeNet5()) is None
        with pytest.raises(ValueError, match="LeNet5 has no queries"), watched_queries(LeNet5()):
            pass

    def test_before_anything_ran(self):
        with watched_queries(build("grid")) as watch:
            pass
        with pytest.raises(ValueError, match="one forward pass"):
            watch.attention([0], 0)

    @torch.no_grad()
    def test_two_frames_at_once_and_no_such_query(self):
        model = build("grid")
        with watched_queries(model) as watch:
            model(draw().expand(2, -1, -1, -1, -1), make_cameras(2))
        with pytest.raises(ValueError, match="of one frame"):
            watch.path([0])
        with watched_queries(model) as watch:
            model(draw(), make_cameras())
        for queries in ([16], [-1]):
            with pytest.raises(ValueError, match="among the 16"):
                watch.attention(queries, 0)
