"""Deliberate mistakes must leave the recorded logits by about what the reference was seen to."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from drivetr.models import box_head
from drivetr.models.petr import PETR
from drivetr.nn import frustum_position
from drivetr.nn.frustum_position import FrustumPositionEncoding
from tests.parity.comparison import LOGITS
from tests.parity.golden_case import GoldenCase
from tests.parity.petr_case import build_petr, head_outputs, recorded_cameras


def logit_difference(case: GoldenCase, model: PETR, **camera_changes: object) -> float:
    cameras = replace(recorded_cameras(case), **camera_changes)
    outputs = head_outputs(model, case, cameras)
    difference = (outputs["all_cls_scores"] - case.outputs["all_cls_scores"]).abs().max()
    return float(difference)


def ignore_mask(case: GoldenCase, patch: pytest.MonkeyPatch) -> float:
    pad_size = case.input("pad_shape")
    image_size = pad_size.expand_as(case.input("img_shape"))
    return logit_difference(case, build_petr(case), image_size=image_size)


def uniform_depth(case: GoldenCase, patch: pytest.MonkeyPatch) -> float:
    return logit_difference(case, build_petr(case, linear_increasing=False))


def shift_depth(case: GoldenCase, patch: pytest.MonkeyPatch) -> float:
    return logit_difference(case, build_petr(case, depth_start=1.001))


def normalise_by_detection_range(case: GoldenCase, patch: pytest.MonkeyPatch) -> float:
    model = build_petr(case)
    assert isinstance(model.position, FrustumPositionEncoding)
    model.position.position_range = model.span
    return logit_difference(case, model)


def pixel_centres(case: GoldenCase, patch: pytest.MonkeyPatch) -> float:
    return logit_difference(case, build_petr(case, cell_offset=0.5))


def norm_eps(case: GoldenCase, patch: pytest.MonkeyPatch) -> float:
    model = build_petr(case)
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = 1e-6
    return logit_difference(case, model)


def inverse_sigmoid_eps(case: GoldenCase, patch: pytest.MonkeyPatch) -> float:
    for module in (frustum_position, box_head):
        patch.setattr(module, "inverse_sigmoid", partial(module.inverse_sigmoid, eps=1e-3))
    return logit_difference(case, build_petr(case))


def no_post_norm(case: GoldenCase, patch: pytest.MonkeyPatch) -> float:
    model = build_petr(case)
    model.decoder.post_norm = nn.Identity()
    return logit_difference(case, model)


def interleave_sines(case: GoldenCase, patch: pytest.MonkeyPatch) -> float:
    """The layout of the 2D encoding: sine and cosine alternate within an axis."""
    original = frustum_position.multiview_sine

    def interleaved(padding: torch.Tensor, num_feats: int) -> torch.Tensor:
        blocks = original(padding, num_feats).unflatten(2, (3, 2, num_feats // 2))
        return blocks.transpose(3, 4).flatten(2, 4)

    patch.setattr(frustum_position, "multiview_sine", interleaved)
    return logit_difference(case, build_petr(case))


def swap_query_axes(case: GoldenCase, patch: pytest.MonkeyPatch) -> float:
    """Reference points encoded as (x, y, z), where PETR's order is (y, x, z)."""
    original = frustum_position.sine_of_points
    patch.setattr(
        frustum_position, "sine_of_points", lambda points, n: original(points[..., [1, 0, 2]], n)
    )
    return logit_difference(case, build_petr(case))


# How far the reference's own logits moved.
RECORDED = {
    ignore_mask: 0.45,
    uniform_depth: 1.5,
    shift_depth: 5e-4,
    normalise_by_detection_range: 1.7,
    pixel_centres: 1.6,
    norm_eps: 2e-3,
    inverse_sigmoid_eps: 0.55,
    no_post_norm: 0.24,
    interleave_sines: 0.64,
}


@pytest.fixture
def case(golden_dir: Path) -> GoldenCase:
    return GoldenCase.open(golden_dir / "petr_head_tiny.json")


def test_without_a_mistake(case: GoldenCase) -> None:
    assert logit_difference(case, build_petr(case)) < LOGITS["tiny"].absolute / 5


@pytest.mark.parametrize("mistake", RECORDED, ids=lambda mistake: mistake.__name__)
def test_mistake_bites(
    case: GoldenCase,
    monkeypatch: pytest.MonkeyPatch,
    mistake: Callable[[GoldenCase, pytest.MonkeyPatch], float],
) -> None:
    difference = mistake(case, monkeypatch)
    assert difference > LOGITS["tiny"].absolute
    assert difference == pytest.approx(RECORDED[mistake], rel=0.3)


def test_swapped_query_axes_bite(case: GoldenCase, monkeypatch: pytest.MonkeyPatch) -> None:
    assert swap_query_axes(case, monkeypatch) > 100 * LOGITS["tiny"].absolute
