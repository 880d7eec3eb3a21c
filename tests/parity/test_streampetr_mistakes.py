"""Deliberate mistakes in time leave the recording by what the reference was seen to."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from drivetr.models.streampetr import StreamPETR
from drivetr.nn import spatial_alignment
from drivetr.structures.cameras import Cameras
from drivetr.structures.moments import Moments
from tests.parity.comparison import LOGITS
from tests.parity.golden_case import GoldenCase
from tests.parity.streampetr_case import (
    RecordedMoments,
    build_streampetr,
    count_frames,
    recorded_frame,
)

Change = Callable[[Cameras, RecordedMoments], tuple[Cameras, Moments]]


@torch.no_grad()
def logit_difference(
    case: GoldenCase, model: StreamPETR, change: Change | None = None, frames: int | None = None
) -> float:
    """Largest difference of the logits after some frames (all of them), each of them changed."""
    memory = None
    for number in range(frames or count_frames(case)):
        features, cameras, moments = recorded_frame(case, number)
        if change is not None:
            cameras, moments = change(cameras, moments)
        outputs, memory = model.detect(features, cameras, moments, memory)
    return float(
        (outputs["pred_logits"] - case.outputs[f"f{number}.all_cls_scores"][-1]).abs().max()
    )


def round_time(cameras: Cameras, moments: RecordedMoments) -> tuple[Cameras, Moments]:
    rounded = moments.timestamp_s.float().double()
    return cameras, replace(moments, timestamp_s=rounded)


def stand_still(cameras: Cameras, moments: RecordedMoments) -> tuple[Cameras, Moments]:
    identity = torch.eye(4, dtype=torch.float64).expand_as(moments.global_from_lidar)
    return cameras, replace(moments, global_from_lidar=identity, recorded_inverse=identity)


def ignore_new_scene(cameras: Cameras, moments: RecordedMoments) -> tuple[Cameras, Moments]:
    return cameras, replace(moments, continues=torch.ones_like(moments.continues))


@pytest.fixture
def case(golden_dir: Path) -> GoldenCase:
    return GoldenCase.open(golden_dir / "streampetr_head_tiny.json")


def test_without_a_mistake(case: GoldenCase) -> None:
    assert logit_difference(case, build_streampetr(case)) < LOGITS["tiny"].absolute / 5


# How far the reference's own logits moved.
@pytest.mark.parametrize(
    ("change", "recorded"), [(round_time, 0.8), (stand_still, 0.7), (ignore_new_scene, 1.7)]
)
def test_mistake_bites(case: GoldenCase, change: Change, recorded: float) -> None:
    difference = logit_difference(case, build_streampetr(case), change)
    assert difference == pytest.approx(recorded, rel=0.5)


def test_focal_lengths_of_the_own_camera_are_not_what_was_published(case: GoldenCase) -> None:
    """The right order is another function, and one slip of one percent can be seen."""
    own = logit_difference(case, build_streampetr(case, focal_order="own"))
    assert own > 5 * LOGITS["tiny"].absolute


def test_longer_lens_bites(case: GoldenCase, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = spatial_alignment.focal_lengths_px
    monkeypatch.setattr(spatial_alignment, "focal_lengths_px", lambda m: 1.01 * exact(m))
    difference = logit_difference(case, build_streampetr(case), frames=1)
    assert difference == pytest.approx(1.5e-3, rel=0.3)


def test_poses_in_64_bits_are_close_and_not_equal(case: GoldenCase) -> None:
    """What the published rounding through global coordinates does."""
    model = build_streampetr(case)
    model.memory.dtype = torch.float64
    assert LOGITS["tiny"].absolute < logit_difference(case, model) < 1e-2
