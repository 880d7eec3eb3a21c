"""drivetr's one convention for 3D boxes, and what follows from it.

A box is a row of ten numbers whose columns are named by `BoxColumn`, in metres, radians and metres
per second, in a right-handed reference frame with z up (`lidar` or `ego`, told by the structure
that holds the boxes):

* X, Y, Z: the centre of gravity (not the bottom);
* LENGTH, WIDTH, HEIGHT: full extent along the box's own axes: forward, left, up;
* SIN_YAW, COS_YAW: yaw is the angle from the frame's +x axis to the box's forward axis, positive
  counter-clockwise seen from above; pitch and roll are not represented;
* VX, VY: velocity over ground along the frame's x and y axes; NaN where it is unknown.
"""

from enum import IntEnum

import torch
from jaxtyping import Float
from torch import Tensor


class BoxColumn(IntEnum):
    """Columns of a 3D box."""

    X = 0
    Y = 1
    Z = 2
    LENGTH = 3
    WIDTH = 4
    HEIGHT = 5
    SIN_YAW = 6
    COS_YAW = 7
    VX = 8
    VY = 9


BOX_DIM = len(BoxColumn)
CENTER = slice(BoxColumn.X, BoxColumn.Z + 1)
SIZE = slice(BoxColumn.LENGTH, BoxColumn.HEIGHT + 1)
HEADING = [BoxColumn.COS_YAW, BoxColumn.SIN_YAW]  # the forward axis as (x, y)
VELOCITY = slice(BoxColumn.VX, BoxColumn.VY + 1)

# Forward, left, up of the eight corners: 0-3 the bottom face, 4-7 the top face above it, each
# counter-clockwise from the front left.
_CORNER_SIGNS = (
    (1, 1, -1), (-1, 1, -1), (-1, -1, -1), (1, -1, -1),
    (1, 1, 1), (-1, 1, 1), (-1, -1, 1), (1, -1, 1),
)  # fmt: skip
BOX_EDGES = (
    (0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7),
)  # fmt: skip


def make_boxes(
    center: Float[Tensor, "*G 3"],
    size_lwh: Float[Tensor, "*G 3"],
    yaw: Float[Tensor, "*G"],
    velocity: Float[Tensor, "*G 2"] | None = None,
) -> Float[Tensor, "*G 10"]:
    """Boxes from centre (metres), length-width-height (metres), yaw (radians), velocity (m/s)."""
    if velocity is None:
        velocity = torch.full_like(center[..., :2], torch.nan)
    angles = torch.stack([yaw.sin(), yaw.cos()], dim=-1)
    return torch.cat([center, size_lwh, angles, velocity], dim=-1)


def box_yaw(boxes: Float[Tensor, "*G 10"]) -> Float[Tensor, "*G"]:
    """Yaw in radians within (-pi, pi]; sine and cosine need not be normalised."""
    return torch.atan2(boxes[..., BoxColumn.SIN_YAW], boxes[..., BoxColumn.COS_YAW])


def box_corners(boxes: Float[Tensor, "*G 10"]) -> Float[Tensor, "*G 8 3"]:
    """The eight corners: bottom face first, each face counter-clockwise from the front left."""
    signs = boxes.new_tensor(_CORNER_SIGNS)
    forward, left, up = (signs * boxes[..., None, SIZE] / 2).unbind(-1)  # *G 8 each
    cos, sin = torch.nn.functional.normalize(boxes[..., HEADING], dim=-1)[..., None, :].unbind(-1)
    offsets = torch.stack([forward * cos - left * sin, forward * sin + left * cos, up], dim=-1)
    return boxes[..., None, CENTER] + offsets


def transform_boxes(
    dst_from_src: Float[Tensor, "*#B 4 4"], boxes_src: Float[Tensor, "*#B G 10"]
) -> Float[Tensor, "*#B G 10"]:
    """Boxes seen from a frame that differs by a rotation about z, a shift, a mirror or a scale.

    The matrix is [s * R | t] with an orthogonal R, a mirror included, that keeps z upright, and a
    scale s > 0 which also scales sizes and velocities.
    """
    linear, shift = dst_from_src[..., :3, :3], dst_from_src[..., None, :3, 3]
    scale = linear.det().abs()[..., None, None] ** (1 / 3)
    planar_t = linear[..., :2, :2].transpose(-1, -2)
    center = boxes_src[..., CENTER] @ linear.transpose(-1, -2) + shift
    heading = boxes_src[..., HEADING] @ planar_t / scale
    velocity = boxes_src[..., VELOCITY] @ planar_t
    return torch.cat([center, boxes_src[..., SIZE] * scale, heading.flip(-1), velocity], dim=-1)
