"""Exact converters between drivetr's boxes and the LiDAR boxes of mmdetection3d.

Both versions keep nine columns with the centre of the bottom face and share drivetr's axes, height
and velocity. Since 1.0 the rest agrees with drivetr: (x, y, z_bottom, length, width, height, yaw,
vx, vy). Before 1.0 it is (x, y, z_bottom, width, length, height, yaw_old, vx, vy) with
yaw_old = -yaw - pi / 2. (mmdetection3d, docs/en/user_guides/coord_sys_tutorial.md, and
core/bbox/structures/lidar_box3d.py of v0.17.1 and v1.0.0rc6.)
"""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from drivetr.geometry.boxes import CENTER, SIZE, VELOCITY, BoxColumn, box_yaw, make_boxes

Version = Literal["before_1.0", "since_1.0"]
_YAW = 6  # mmdetection3d's column of the angle; the velocity follows it
_SWAPPED = [1, 0, 2]


def _swap_convention(
    size: Float[Tensor, "*G 3"], yaw: Float[Tensor, "*G"]
) -> tuple[Float[Tensor, "*G 3"], Float[Tensor, "*G"]]:
    """Size and yaw of one version from those of the other: an involution up to whole turns."""
    return size[..., _SWAPPED], _wrap_angle(-yaw - math.pi / 2)


def _wrap_angle(angle: Float[Tensor, "*G"]) -> Float[Tensor, "*G"]:
    """The same angle within [-pi, pi)."""
    return torch.remainder(angle + math.pi, 2 * math.pi) - math.pi


def boxes_from_mmdet3d(
    boxes_mmdet3d: Float[Tensor, "*G 9"], version: Version
) -> Float[Tensor, "*G 10"]:
    """Boxes from the tensor of mmdetection3d's `LiDARInstance3DBoxes`.

    Args:
        boxes_mmdet3d: nine columns, in metres, radians and metres per second.
        version: which side of mmdetection3d 1.0 the boxes come from.
    """
    size, yaw = boxes_mmdet3d[..., SIZE], boxes_mmdet3d[..., _YAW]
    if version == "before_1.0":
        size, yaw = _swap_convention(size, yaw)
    center = boxes_mmdet3d[..., CENTER].clone()
    center[..., BoxColumn.Z] += size[..., 2] / 2
    return make_boxes(center, size, yaw, boxes_mmdet3d[..., _YAW + 1 :])


def mmdet3d_from_boxes(boxes: Float[Tensor, "*G 10"], version: Version) -> Float[Tensor, "*G 9"]:
    """The tensor of `LiDARInstance3DBoxes` that stands for `boxes`, yaw within [-pi, pi)."""
    bottom = boxes[..., CENTER].clone()
    bottom[..., BoxColumn.Z] -= boxes[..., BoxColumn.HEIGHT] / 2
    size, yaw = boxes[..., SIZE], _wrap_angle(box_yaw(boxes))
    if version == "before_1.0":
        size, yaw = _swap_convention(size, yaw)
    return torch.cat([bottom, size, yaw[..., None], boxes[..., VELOCITY]], dim=-1)
