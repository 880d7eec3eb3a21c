"""Deliberate mistakes with time, halves and gate must leave PETRv2's recording."""

from dataclasses import replace
from pathlib import Path

import pytest
from torch import Tensor

from drivetr.errors import DrivetrError
from drivetr.geometry.boxes import VELOCITY
from drivetr.models.petr import PETR
from drivetr.structures.cameras import Cameras
from tests.parity.comparison import BOXES, LOGITS
from tests.parity.golden_case import GoldenCase
from tests.parity.petr_case import build_petr, head_outputs, recorded_cameras


@pytest.fixture
def case(golden_dir: Path) -> GoldenCase:
    return GoldenCase.open(golden_dir / "petrv2_head_tiny.json")


def differences(case: GoldenCase, model: PETR, cameras: Cameras) -> dict[str, Tensor]:
    outputs = head_outputs(model, case, cameras)
    return {k: (v - case.outputs[k]).abs() for k, v in outputs.items()}


def test_time_ignored_spoils_the_velocity_alone(case: GoldenCase) -> None:
    model = build_petr(case)
    model.head.velocity = None
    found = differences(case, model, recorded_cameras(case))
    assert found["all_bbox_preds"][..., VELOCITY].max() > 100 * BOXES["tiny"].absolute
    assert found["all_bbox_preds"][..., : VELOCITY.start].max() < BOXES["tiny"].absolute
    assert found["all_cls_scores"].max() < LOGITS["tiny"].absolute


def test_halves_swapped(case: GoldenCase) -> None:
    """Past cameras in the place of the present ones: other logits, and no time to divide by."""
    cameras = recorded_cameras(case)
    assert cameras.age_s is not None
    past_first = cameras.img_from_lidar.roll(6, dims=1)
    found = differences(case, build_petr(case), replace(cameras, img_from_lidar=past_first))
    assert found["all_cls_scores"].max() > 100 * LOGITS["tiny"].absolute
    with pytest.raises(DrivetrError, match="no earlier ones"):
        differences(case, build_petr(case), replace(cameras, age_s=cameras.age_s.roll(6, dims=1)))


def test_gate_off(case: GoldenCase) -> None:
    model = build_petr(case)
    model.position.gate = None
    found = differences(case, model, recorded_cameras(case))
    assert found["all_cls_scores"].max() > 100 * LOGITS["tiny"].absolute


def test_gate_fed_with_what_is_not_yet_projected(case: GoldenCase) -> None:
    model = build_petr(case)
    raw = case.input("mlvl_feats_0").flatten(0, 1)
    model.position.gate.register_forward_pre_hook(lambda gate, inputs: (inputs[0], raw))
    found = differences(case, model, recorded_cameras(case))
    assert found["all_cls_scores"].max() > 100 * LOGITS["tiny"].absolute
