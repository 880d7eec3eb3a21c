import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from nuscenes.utils.data_classes import Box
from pyquaternion import Quaternion
from scipy.spatial import ConvexHull
from shapely.geometry import Polygon

from drivetr.geometry.boxes import (
    BOX_DIM,
    BOX_EDGES,
    CENTER,
    HEADING,
    SIZE,
    VELOCITY,
    BoxColumn,
    box_corners,
    box_yaw,
    make_boxes,
    transform_boxes,
)
from drivetr.geometry.rigid import rigid_from, rotation_about_z, transform_points

F64 = torch.float64
coordinates = st.floats(-60, 60)
lengths = st.floats(0.1, 20)
angles = st.floats(-math.pi, math.pi)
rows = st.tuples(*[coordinates] * 3, *[lengths] * 3, angles, *[st.floats(-20, 20)] * 2)


def boxes_of(*values) -> torch.Tensor:
    row = torch.tensor(values, dtype=F64)
    return make_boxes(row[:, :3], row[:, 3:6], row[:, 6], row[:, 7:9])


def devkit_box(row) -> Box:
    length, width, height = row[3:6]
    return Box(
        list(row[:3]),
        [width, length, height],
        Quaternion(axis=[0, 0, 1], angle=row[6]),
        velocity=(row[7], row[8], 0.0),
    )


def sorted_rows(points: np.ndarray) -> np.ndarray:
    rounded = points.round(6) + 0.0  # no negative zero
    return points[np.lexsort(rounded.T)]


def move(angle: float, shift: list[float], scale: float = 1.0, mirror: bool = False):
    linear = scale * rotation_about_z(torch.tensor(angle, dtype=F64))
    if mirror:
        linear = linear @ torch.diag(torch.tensor([1.0, -1, 1], dtype=F64))
    return rigid_from(linear, torch.tensor(shift, dtype=F64))


def test_columns_cover_the_box():
    named = list(range(BOX_DIM))
    assert named[CENTER] + named[SIZE] + sorted(HEADING) + named[VELOCITY] == named


class TestMakeBoxes:
    def test_values(self):
        box = boxes_of((1, 2, 3, 4, 5, 6, math.pi / 2, 7, 8))[0]
        torch.testing.assert_close(box, torch.tensor([1, 2, 3, 4, 5, 6, 1, 0, 7, 8], dtype=F64))

    def test_velocity_is_unknown_unless_told(self):
        boxes = make_boxes(torch.zeros(2, 3), torch.ones(2, 3), torch.zeros(2))
        assert boxes[:, VELOCITY].isnan().all()
        assert boxes[:, : BoxColumn.VX].isfinite().all()

    @pytest.mark.parametrize("lead", [(), (0,), (4,), (2, 3)])
    def test_shapes(self, lead):
        boxes = make_boxes(torch.zeros(*lead, 3), torch.ones(*lead, 3), torch.zeros(lead))
        assert boxes.shape == (*lead, 10)


class TestBoxYaw:
    @given(angles, st.floats(0.1, 10))
    def test_ignores_the_length_of_the_heading(self, yaw, length):
        boxes = boxes_of((0, 0, 0, 1, 1, 1, yaw, 0, 0))
        boxes[:, [BoxColumn.SIN_YAW, BoxColumn.COS_YAW]] *= length
        difference = math.remainder(float(box_yaw(boxes)) - yaw, 2 * math.pi)
        assert abs(difference) < 1e-12


class TestBoxCorners:
    @given(rows)
    def test_equals_the_devkit_as_a_set(self, row):
        actual = box_corners(boxes_of(row))[0].numpy()
        np.testing.assert_allclose(
            sorted_rows(actual), sorted_rows(devkit_box(row).corners().T), atol=1e-5
        )

    def test_order_is_bottom_first_counter_clockwise_from_front_left(self):
        corners = box_corners(boxes_of((0, 0, 0, 4, 2, 1, 0, 0, 0)))[0]
        assert corners[:4].tolist() == [[2, 1, -0.5], [-2, 1, -0.5], [-2, -1, -0.5], [2, -1, -0.5]]
        torch.testing.assert_close(corners[4:], corners[:4] + torch.tensor([0, 0, 1.0]))

    @given(rows)
    def test_footprint_has_the_area_of_the_box(self, row):
        corners = box_corners(boxes_of(row))[0].numpy()
        assert Polygon(corners[:4, :2]).exterior.is_ccw
        assert Polygon(corners[:4, :2]).area == pytest.approx(row[3] * row[4])
        assert ConvexHull(corners).volume == pytest.approx(row[3] * row[4] * row[5], rel=1e-6)

    def test_edges_join_neighbours(self):
        corners = box_corners(boxes_of((5, 6, 7, 4, 2, 1, 0.3, 0, 0)))[0]
        lengths = [float((corners[a] - corners[b]).norm()) for a, b in BOX_EDGES]
        assert sorted(round(length, 9) for length in lengths) == [1] * 4 + [2] * 4 + [4] * 4

    def test_empty(self):
        assert box_corners(torch.zeros(0, 10)).shape == (0, 8, 3)

    def test_gradient(self):
        boxes = boxes_of((1, 2, 3, 4, 5, 6, 0.7, 0, 0)).requires_grad_()
        assert torch.autograd.gradcheck(box_corners, boxes)


class TestTransformBoxes:
    @given(rows, angles, st.tuples(*[coordinates] * 3))
    def test_equals_the_devkit(self, row, angle, shift):
        box = devkit_box(row)
        box.rotate(Quaternion(axis=[0, 0, 1], angle=angle))
        box.translate(np.array(shift))
        moved = transform_boxes(move(angle, list(shift)), boxes_of(row))[0]
        np.testing.assert_allclose(moved[CENTER].numpy(), box.center, atol=1e-9)
        np.testing.assert_allclose(moved[SIZE].numpy(), box.wlh[[1, 0, 2]])
        np.testing.assert_allclose(moved[VELOCITY].numpy(), box.velocity[:2], atol=1e-9)
        yaw = box.orientation.yaw_pitch_roll[0]
        assert abs(math.remainder(float(box_yaw(moved)) - yaw, 2 * math.pi)) < 1e-9

    @given(rows, angles, st.tuples(*[coordinates] * 3), st.floats(0.5, 2), st.booleans())
    def test_corners_move_with_their_box(self, row, angle, shift, scale, mirror):
        matrix, boxes = move(angle, list(shift), scale, mirror), boxes_of(row)
        moved = box_corners(transform_boxes(matrix, boxes))[0].numpy()
        expected = transform_points(matrix, box_corners(boxes)[0]).numpy()
        distance = np.linalg.norm(moved[:, None] - expected, axis=-1)
        assert distance.min(axis=1).max() < 1e-9
        assert distance.min(axis=0).max() < 1e-9

    @given(rows, angles, st.tuples(*[coordinates] * 3), st.floats(0.5, 2), st.booleans())
    def test_inverse_restores_the_box(self, row, angle, shift, scale, mirror):
        matrix, boxes = move(angle, list(shift), scale, mirror), boxes_of(row)
        back = transform_boxes(torch.linalg.inv(matrix), transform_boxes(matrix, boxes))
        torch.testing.assert_close(back, boxes, atol=1e-9, rtol=0)

    @given(rows, angles, st.floats(0.5, 2), st.booleans())
    def test_velocity_is_the_difference_of_positions(self, row, angle, scale, mirror):
        """A transform moves where a box will be in a second just as it moves the box."""
        matrix, boxes = move(angle, [1.0, 2.0, 3.0], scale, mirror), boxes_of(row)
        later = boxes.clone()
        later[:, :2] += boxes[:, VELOCITY]
        moved, moved_later = transform_boxes(matrix, boxes), transform_boxes(matrix, later)
        torch.testing.assert_close(
            moved_later[:, :2] - moved[:, :2], moved[:, VELOCITY], atol=1e-9, rtol=0
        )

    def test_a_mirror_turns_the_heading(self):
        mirror = torch.diag(torch.tensor([1.0, -1, 1, 1], dtype=F64))
        moved = transform_boxes(mirror, boxes_of((1, 2, 0, 4, 2, 1, 0.3, 5, 6)))
        torch.testing.assert_close(moved, boxes_of((1, -2, 0, 4, 2, 1, -0.3, 5, -6)))

    def test_unknown_velocity_stays_unknown(self):
        boxes = make_boxes(torch.zeros(1, 3), torch.ones(1, 3), torch.zeros(1))
        assert transform_boxes(torch.eye(4), boxes)[:, VELOCITY].isnan().all()

    def test_shapes(self):
        assert transform_boxes(torch.eye(4), torch.zeros(0, 10)).shape == (0, 10)
        batch = torch.eye(4).expand(2, 4, 4)
        assert transform_boxes(batch, torch.zeros(2, 5, 10)).shape == (2, 5, 10)

    def test_gradient(self):
        boxes = boxes_of((1, 2, 3, 4, 5, 6, 0.7, 1, 2)).requires_grad_()
        matrix = move(0.4, [1.0, 2.0, 3.0], 1.1)
        assert torch.autograd.gradcheck(lambda b: transform_boxes(matrix, b), boxes)
