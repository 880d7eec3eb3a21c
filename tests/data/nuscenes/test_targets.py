"""Annotations to targets: what is kept, what is left out, and what is said about it."""

import logging
import math

import numpy as np
import pytest
import torch

from drivetr.data.nuscenes.records import Annotations
from drivetr.data.nuscenes.targets import TargetBuilder
from drivetr.geometry.boxes import BoxColumn
from drivetr.structures.classes import DETECTION_CLASSES

IDENTITY = torch.eye(4, dtype=torch.float64)


def annotations(categories, **columns):
    count = len(categories)
    base = {
        "token": [f"token{n}" for n in range(count)],
        "center_global": np.arange(3.0 * count).reshape(count, 3),
        "size_wlh": np.tile([2.0, 4.0, 1.5], (count, 1)),
        "quaternion_wxyz": np.tile([1.0, 0.0, 0.0, 0.0], (count, 1)),
        "velocity_global": np.tile([1.0, -2.0, 0.0], (count, 1)),
        "category": list(categories),
        "attribute": [""] * count,
        "visibility": np.full(count, 4),
        "num_lidar_pts": np.full(count, 3),
        "num_radar_pts": np.full(count, 1),
        "instance": np.arange(count) + 7,
        "instance_token": [f"instance{n}" for n in range(count)],
    }
    return Annotations(**{**base, **columns})


def test_values_of_a_box():
    half = math.radians(30) / 2
    turn = np.array([[math.cos(half), 0, 0, math.sin(half)]])
    given = annotations(["vehicle.car"], quaternion_wxyz=turn)
    targets = TargetBuilder(0).build(given, IDENTITY)
    expected = [0, 1, 2, 4, 2, 1.5, 0.5, math.sqrt(0.75), 1, -2]
    assert targets.boxes[0].tolist() == pytest.approx(expected)
    assert targets.boxes.dtype == torch.float64
    assert targets.num_points.tolist() == [4]
    assert targets.visibility.tolist() == [4]
    assert targets.instance.tolist() == [7]


def test_classes_of_the_detection_task():
    names = ["human.pedestrian.adult", "vehicle.bus.bendy", "animal", "vehicle.spaceship"]
    targets = TargetBuilder(0).build(annotations(names), IDENTITY)
    assert [DETECTION_CLASSES[label] for label in targets.labels] == ["pedestrian", "bus"]


@pytest.mark.parametrize(("min_points", "kept"), [(0, [7, 8, 9]), (1, [8, 9]), (2, [9])])
def test_boxes_without_points(min_points, kept):
    given = annotations(
        ["vehicle.car"] * 3, num_lidar_pts=np.array([0, 0, 5]), num_radar_pts=np.array([0, 1, 0])
    )
    assert TargetBuilder(min_points).build(given, IDENTITY).instance.tolist() == kept


def test_unknown_velocity_is_kept_as_nan():
    velocity = np.array([[1.0, 2.0, 0.0], [math.nan] * 3])
    given = annotations(["vehicle.car"] * 2, velocity_global=velocity)
    boxes = TargetBuilder(1).build(given, IDENTITY).boxes
    assert boxes[0, BoxColumn.VX :].tolist() == [1, 2]
    assert boxes[1, BoxColumn.VX :].isnan().all()
    assert boxes[1, : BoxColumn.VX].isfinite().all()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("size_wlh", [0.0, 4.0, 1.0]),
        ("size_wlh", [2.0, -4.0, 1.0]),
        ("size_wlh", [2.0, math.nan, 1.0]),
        ("center_global", [math.inf, 0.0, 0.0]),
        ("quaternion_wxyz", [0.0, 0.0, 0.0, 0.0]),
        ("quaternion_wxyz", [math.nan, 0.0, 0.0, 1.0]),
    ],
)
def test_boxes_that_are_none_are_counted_and_told_once(caplog, column, value):
    given = annotations(["vehicle.car"] * 3)
    getattr(given, column)[1] = value
    builder = TargetBuilder(1)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert builder.build(given, IDENTITY).instance.tolist() == [7, 9]
    assert builder.num_unusable == 2
    assert len(caplog.records) == 1
    assert "token1" in caplog.text


def test_no_annotations():
    targets = TargetBuilder(1).build(
        annotations([], **{name: np.zeros((0, w)) for name, w in _WIDTHS.items()}), IDENTITY
    )
    assert targets.boxes.shape == (0, 10)
    assert len(targets) == 0


_WIDTHS = {"center_global": 3, "size_wlh": 3, "quaternion_wxyz": 4, "velocity_global": 3}
