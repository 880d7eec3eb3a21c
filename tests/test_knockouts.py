"""Knock-outs: miscalibration as large as asked for and the same at every call, and no memory."""

import pytest
import torch

from benchmarks.knockouts import forgetful, shaken_calibration
from drivetr.engine.training import answer
from drivetr.geometry.camera import project_points
from tests.models.samples import make_cameras
from tests.models.test_streampetr import build, drive

FAR = torch.tensor([[12.0, 3.0, 0.5], [-9.0, 8.0, 0.0], [2.0, -15.0, 1.0]], dtype=torch.float64)


def pixel_error(degrees: float, metres: float) -> float:
    right = make_cameras(1).img_from_lidar.double()
    wrong = shaken_calibration(right, degrees, metres)
    (expected, depth), (found, _) = project_points(right, FAR), project_points(wrong, FAR)
    return float((found - expected).norm(dim=-1)[depth > 2].mean())


def test_no_error_changes_nothing():
    assert pixel_error(0.0, 0.0) == pytest.approx(0.0, abs=1e-9)


def test_the_error_grows_with_what_is_asked_for():
    errors = [pixel_error(d, m) for d, m in ((0.5, 0.02), (1.0, 0.05), (2.0, 0.1), (4.0, 0.2))]
    assert errors == sorted(errors)
    assert errors[0] > 0.5


def test_turn_and_shift_have_the_size_asked_for():
    right = make_cameras(1).img_from_lidar.double()
    error = torch.linalg.inv(right) @ shaken_calibration(right, 3.0, 0.15)
    trace = error[..., :3, :3].diagonal(dim1=-2, dim2=-1).sum(-1)
    angle = ((trace - 1) / 2).clamp(-1, 1).arccos().rad2deg()
    torch.testing.assert_close(angle, torch.full_like(angle, 3.0), atol=1e-3, rtol=0)
    shift = error[..., :3, 3].norm(dim=-1)
    torch.testing.assert_close(shift, torch.full_like(shift, 0.15), atol=1e-5, rtol=0)


def test_the_same_cameras_hang_wrong_at_every_call():
    right = make_cameras(2).img_from_lidar
    first, second = (shaken_calibration(right, 2.0, 0.1) for _ in range(2))
    assert torch.equal(first, second)


@torch.no_grad()
def test_a_forgetful_detector_meets_every_frame_for_the_first_time():
    model, (first, second) = build(), drive(2)

    class Batch:
        inputs = second

    _, memory = model(*first)
    alone, _ = model(*second)
    remembering, _ = answer(model, Batch, memory)
    forgotten, _ = answer(forgetful(model), Batch, memory)
    assert torch.equal(forgotten["pred_boxes"], alone["pred_boxes"])
    assert not torch.equal(remembering["pred_boxes"], alone["pred_boxes"])
