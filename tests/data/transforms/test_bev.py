"""GlobalRotScaleTransFlip: known turns, and an exact way back."""

import math
from dataclasses import replace

import pytest
import torch

from drivetr.data.transforms.bev import GlobalRotScaleTransFlip, change_reference
from drivetr.geometry.boxes import BoxColumn, box_yaw


def still(**options):
    base = {"rotation_range": (0.0, 0.0), "scale_range": (1.0, 1.0)}
    return GlobalRotScaleTransFlip(**{**base, **options})


def test_nothing_drawn_nothing_changed(frame, generator):
    after = still()(frame, generator)
    torch.testing.assert_close(after.targets.boxes, frame.targets.boxes)
    torch.testing.assert_close(after.cameras.img_from_lidar, frame.cameras.img_from_lidar)


def test_a_quarter_turn(frame, generator):
    turn = (math.pi / 2, math.pi / 2)
    before, after = frame.targets.boxes, still(rotation_range=turn)(frame, generator).targets.boxes
    torch.testing.assert_close(after[:, BoxColumn.X], -before[:, BoxColumn.Y])
    torch.testing.assert_close(after[:, BoxColumn.Y], before[:, BoxColumn.X])
    torch.testing.assert_close(after[:, BoxColumn.VX], -before[:, BoxColumn.VY])
    change = box_yaw(after) - box_yaw(before) - math.pi / 2
    torch.testing.assert_close(change.cos(), torch.ones_like(change))


def test_mirror_of_y(frame, generator):
    before, after = frame.targets.boxes, still(mirror_y_prob=1.0)(frame, generator).targets.boxes
    for column, sign in (
        (BoxColumn.X, 1),
        (BoxColumn.Y, -1),
        (BoxColumn.VX, 1),
        (BoxColumn.VY, -1),
    ):
        torch.testing.assert_close(after[:, column], sign * before[:, column])
    torch.testing.assert_close(box_yaw(after), -box_yaw(before))


def test_scale_takes_everything_along(frame, generator):
    before, after = frame.targets.boxes, still(scale_range=(2, 2))(frame, generator).targets.boxes
    columns = [c for c in BoxColumn if c not in (BoxColumn.SIN_YAW, BoxColumn.COS_YAW)]
    torch.testing.assert_close(after[:, columns], 2 * before[:, columns])
    torch.testing.assert_close(box_yaw(after), box_yaw(before))


def test_way_back_is_exact(frame, generator):
    transform = GlobalRotScaleTransFlip((-3, 3), (0.5, 2), (5, 5, 1), 0.5, 0.5)
    for _ in range(10):
        aug_from_lidar = transform.draw(generator)
        there = change_reference(frame, aug_from_lidar)
        back = change_reference(there, torch.linalg.inv(aug_from_lidar))
        torch.testing.assert_close(back.targets.boxes, frame.targets.boxes, atol=1e-11, rtol=1e-11)
        for name in ("global_from_lidar", "ego_from_lidar"):
            torch.testing.assert_close(
                getattr(back, name), getattr(frame, name), rtol=1e-11, atol=1e-9
            )


def test_unknown_velocity_stays_unknown(make_frame, generator):
    frame = make_frame()
    frame.targets.boxes[2, BoxColumn.VX :] = torch.nan
    after = GlobalRotScaleTransFlip(mirror_x_prob=0.5)(frame, generator).targets.boxes
    assert after[2, BoxColumn.VX :].isnan().all()
    assert after.isnan().sum() == 2


def test_without_boxes_and_without_targets(make_frame, generator):
    empty = make_frame(num_boxes=0)
    assert GlobalRotScaleTransFlip()(empty, generator).targets.boxes.shape == (0, 10)
    assert GlobalRotScaleTransFlip()(replace(empty, targets=None), generator).targets is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_type_of_the_boxes_stays(frame, generator, dtype):
    targets = replace(frame.targets, boxes=frame.targets.boxes.to(dtype))
    after = GlobalRotScaleTransFlip()(replace(frame, targets=targets), generator)
    assert after.targets.boxes.dtype == dtype
    assert after.cameras.img_from_lidar.dtype == torch.float64
