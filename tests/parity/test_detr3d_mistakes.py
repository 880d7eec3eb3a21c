"""Deliberate mistakes must leave DETR3D's recorded logits far behind."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from drivetr.models.detr3d import DETR3D
from drivetr.nn import feature_pyramid
from drivetr.nn.feature_pyramid import FeaturePyramid
from tests.parity import detr3d_case
from tests.parity.comparison import LOGITS
from tests.parity.detr3d_case import build_detr3d, detr3d_outputs, seen_by
from tests.parity.golden_case import GoldenCase

Mistake = Callable[[DETR3D, pytest.MonkeyPatch], None]


def content_before_position(model: DETR3D, patch: pytest.MonkeyPatch) -> None:
    position, content = model.query_embedding.weight.data.chunk(2, dim=1)
    model.query_embedding.weight.data = torch.cat([content, position], dim=1)


def no_refinement(model: DETR3D, patch: pytest.MonkeyPatch) -> None:
    model.refine = False


def corners_aligned(model: DETR3D, patch: pytest.MonkeyPatch) -> None:
    def sample(features: Tensor, place: Tensor) -> Tensor:
        return functional.grid_sample(features, place, align_corners=True)

    patch.setattr(feature_pyramid, "sample_map", sample)


def also_behind_the_cameras(model: DETR3D, patch: pytest.MonkeyPatch) -> None:
    def project(pyramid: FeaturePyramid, points: Tensor) -> tuple[Tensor, Tensor]:
        mirrored = replace(pyramid.cameras, img_from_lidar=-pyramid.cameras.img_from_lidar)
        front, behind = seen(pyramid, points), seen(replace(pyramid, cameras=mirrored), points)
        return torch.where(front[1][..., None], front[0], behind[0]), front[1] | behind[1]

    seen = FeaturePyramid.project
    patch.setattr(FeaturePyramid, "project", project)


def without_the_padding(model: DETR3D, patch: pytest.MonkeyPatch) -> None:
    def smaller(case: GoldenCase):
        cameras = seen_by(case)
        return replace(cameras, pad_size=(cameras.pad_size[0] - 8, cameras.pad_size[1]))

    patch.setattr(detr3d_case, "seen_by", smaller)


def a_norm_before_the_head(model: DETR3D, patch: pytest.MonkeyPatch) -> None:
    model.decoder.post_norm = torch.nn.LayerNorm(32)


@pytest.mark.parametrize(
    ("mistake", "at_least"),
    [
        (content_before_position, 1.0),
        (no_refinement, 1.0),
        (corners_aligned, 1.0),
        (also_behind_the_cameras, 1.0),
        (without_the_padding, 1.0),
        (a_norm_before_the_head, 0.1),
    ],
)
def test_a_mistake_shows(
    golden_dir: Path, monkeypatch: pytest.MonkeyPatch, mistake: Mistake, at_least: float
) -> None:
    case = GoldenCase.open(golden_dir / "detr3d_head_tiny.json")
    model = build_detr3d(case)
    assert logit_difference(model, case) < LOGITS["tiny"].absolute
    mistake(model, monkeypatch)
    assert logit_difference(model, case) > at_least


def logit_difference(model: DETR3D, case: GoldenCase) -> float:
    ours = detr3d_outputs(model, case)["all_cls_scores"]
    return float((ours - case.outputs["all_cls_scores"]).abs().max())
