"""Exact converters between drivetr's boxes and the boxes of nuScenes tables and submissions.

nuScenes keeps boxes in its global frame: gravity centre, (width, length, height), a quaternion in
(w, x, y, z) order whose yaw begins at +x and grows counter-clockwise, and a velocity over ground.
Heading and velocity are taken as horizontal in global, as the devkit's metrics do. A lidar that is
tilted against the horizon sees them tilted too; the two components that drivetr stores are the
horizontal ones in the lidar frame, and with the pose they determine the global ones exactly.
"""

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from drivetr.geometry.boxes import CENTER, HEADING, SIZE, VELOCITY
from drivetr.geometry.rigid import rotation_from_quaternion, transform_points

Array = Tensor | npt.NDArray[np.float64]
_LWH_FROM_WLH = [1, 0, 2]  # a permutation that is its own inverse


def _float64(values: Array) -> Tensor:
    """A float64 tensor; memory-mapped and read-only arrays are copied."""
    if isinstance(values, Tensor):
        return values.double()
    return torch.from_numpy(np.array(values, dtype=np.float64))


def boxes_from_nuscenes(
    center_global: Float[Array, "G 3"],
    size_wlh: Float[Array, "G 3"],
    quaternion_wxyz: Float[Array, "G 4"],
    velocity_global: Float[Array, "G V"],
    lidar_from_global: Float[Array, "4 4"],
) -> Float[Tensor, "G 10"]:
    """Boxes in the lidar frame, float64, from nuScenes annotations.

    Args:
        center_global: centre of gravity in metres.
        size_wlh: width, length, height in metres.
        quaternion_wxyz: orientation; only its yaw in global is kept.
        velocity_global: metres per second, two columns or three; the third, if any, is not used.
            NaN, which the devkit gives where neighbours in time are missing, stays NaN.
        lidar_from_global: inverse pose of the reference frame at the time of the boxes.
    """
    matrix = _float64(lidar_from_global)
    planar_t = matrix[:2, :2].T
    forward_global = rotation_from_quaternion(_float64(quaternion_wxyz))[:, :2, 0]  # G 2
    heading = normalize(forward_global @ planar_t, dim=-1)
    columns = [
        transform_points(matrix, _float64(center_global)),
        _float64(size_wlh)[:, _LWH_FROM_WLH],
        heading.flip(-1),
        _float64(velocity_global)[:, :2] @ planar_t,
    ]
    return torch.cat(columns, dim=-1)


def nuscenes_from_boxes(
    boxes_lidar: Float[Array, "G 10"], global_from_lidar: Float[Array, "4 4"]
) -> tuple[Float[Tensor, "G 3"], Float[Tensor, "G 3"], Float[Tensor, "G 4"], Float[Tensor, "G 2"]]:
    """Centre, (width, length, height), quaternion and velocity in global: all float64 tensors.

    The inverse of `boxes_from_nuscenes` for boxes that stand upright in global, which those of
    nuScenes do. The quaternion turns about the global z axis only and has w >= 0.
    """
    boxes, matrix = _float64(boxes_lidar), _float64(global_from_lidar)
    # lidar_from_global is a rotation, so its planar part is the transpose of this one's.
    planar_from_lidar_t = torch.linalg.inv(matrix[:2, :2])
    heading = boxes[:, HEADING] @ planar_from_lidar_t
    half_yaw = torch.atan2(heading[:, 1], heading[:, 0]) / 2
    zero = torch.zeros_like(half_yaw)
    return (
        transform_points(matrix, boxes[:, CENTER]),
        boxes[:, SIZE][:, _LWH_FROM_WLH],
        torch.stack([half_yaw.cos(), zero, zero, half_yaw.sin()], dim=-1),
        boxes[:, VELOCITY] @ planar_from_lidar_t,
    )
