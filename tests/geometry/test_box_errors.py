"""Errors of sizes and headings, against the devkit's."""

import math

import numpy as np
import pytest
import torch
from nuscenes.eval.common.utils import scale_iou, yaw_diff
from nuscenes.eval.detection.data_classes import DetectionBox
from pyquaternion import Quaternion

from drivetr.geometry.box_errors import size_error, yaw_error
from drivetr.geometry.boxes import SIZE, box_yaw
from tests.models.samples import make_targets


def devkit_box(box: torch.Tensor) -> DetectionBox:
    length, width, height = box[SIZE].tolist()
    turn = Quaternion(axis=[0, 0, 1], radians=float(box_yaw(box)))
    return DetectionBox(
        size=(width, length, height),
        rotation=tuple(turn),
        detection_name="car",
        detection_score=0.5,
    )


@pytest.mark.parametrize("period", [math.pi, 2 * math.pi])
def test_as_the_devkit(period):
    found, truth = make_targets(50, seed=1).boxes, make_targets(50, seed=2).boxes
    pairs = [(devkit_box(a), devkit_box(b)) for a, b in zip(found, truth, strict=True)]
    sizes = [1 - scale_iou(b, a) for a, b in pairs]
    yaws = [yaw_diff(b, a, period) for a, b in pairs]
    np.testing.assert_allclose(size_error(found, truth), sizes, atol=1e-5)
    np.testing.assert_allclose(yaw_error(found, truth, period), yaws, atol=1e-5)


def test_equal_boxes_and_none():
    boxes = make_targets(3).boxes
    assert size_error(boxes, boxes).abs().max() < 1e-6
    assert yaw_error(boxes, boxes).abs().max() < 1e-6
    assert len(size_error(boxes[:0], boxes[:0])) == len(yaw_error(boxes[:0], boxes[:0])) == 0
