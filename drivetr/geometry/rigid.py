"""Rigid transforms as homogeneous 4x4 matrices, named `dst_from_src`."""

import torch
from jaxtyping import Float
from torch import Tensor


def rotation_from_quaternion(quaternion_wxyz: Float[Tensor, "*B 4"]) -> Float[Tensor, "*B 3 3"]:
    """Rotation matrix of a quaternion in (w, x, y, z) order.

    The quaternion is normalised first; a zero quaternion, which the data edge refuses, gives the
    identity.
    """
    w, x, y, z = torch.nn.functional.normalize(quaternion_wxyz, dim=-1).unbind(-1)
    rows = [
        torch.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], dim=-1),
        torch.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], dim=-1),
        torch.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], dim=-1),
    ]
    return torch.stack(rows, dim=-2)


def rotation_about_z(angle: Float[Tensor, "*B"]) -> Float[Tensor, "*B 3 3"]:
    """Rotation by `angle` radians about +z, counter-clockwise seen from above."""
    sin, cos, zero = angle.sin(), angle.cos(), torch.zeros_like(angle)
    rows = [
        torch.stack([cos, -sin, zero], dim=-1),
        torch.stack([sin, cos, zero], dim=-1),
        torch.stack([zero, zero, zero + 1], dim=-1),
    ]
    return torch.stack(rows, dim=-2)


def rigid_from(
    rotation: Float[Tensor, "*B 3 3"], translation: Float[Tensor, "*B 3"]
) -> Float[Tensor, "*B 4 4"]:
    """The 4x4 matrix `dst_from_src` that rotates by `rotation` and then shifts by `translation`."""
    top = torch.cat([rotation, translation[..., None]], dim=-1)
    bottom = top.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*top.shape[:-2], 1, 4)
    return torch.cat([top, bottom], dim=-2)


def invert_rigid(dst_from_src: Float[Tensor, "*B 4 4"]) -> Float[Tensor, "*B 4 4"]:
    """`src_from_dst` of a rigid transform, exact up to rounding (transpose, no solver)."""
    rotation_t = dst_from_src[..., :3, :3].transpose(-1, -2)
    translation = -(rotation_t @ dst_from_src[..., :3, 3:])[..., 0]
    return rigid_from(rotation_t, translation)


def transform_points(
    dst_from_src: Float[Tensor, "*#B 4 4"], points_src: Float[Tensor, "*#B P 3"]
) -> Float[Tensor, "*#B P 3"]:
    """Moves P points (metres) from `src` to `dst`; holds for every affine matrix.

    Leading dimensions broadcast.
    """
    return points_src @ dst_from_src[..., :3, :3].transpose(-1, -2) + dst_from_src[..., None, :3, 3]
