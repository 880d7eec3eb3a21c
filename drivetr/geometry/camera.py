"""Pinhole cameras: `img` is the homogeneous image frame, whose points are (u * d, v * d, d, 1).

`u` counts pixels to the right and `v` pixels downwards from the top-left corner of the image, so
that the first pixel covers [0, 1) and a resize by s is a product with s; `d` is the depth along the
optical axis in metres. Leading dimensions of matrices and points broadcast.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from drivetr.geometry.rigid import transform_points


def img_from_cam(intrinsic: Float[Tensor, "*B 3 3"]) -> Float[Tensor, "*B 4 4"]:
    """Pads a 3x3 pinhole matrix to the 4x4 matrix that takes camera points to `img`."""
    matrix = torch.eye(4, dtype=intrinsic.dtype, device=intrinsic.device)
    matrix = matrix.expand(*intrinsic.shape[:-2], 4, 4).clone()
    matrix[..., :3, :3] = intrinsic
    return matrix


def project_points(
    img_from_src: Float[Tensor, "*#B 4 4"], points_src: Float[Tensor, "*#B P 3"], eps: float = 1e-5
) -> tuple[Float[Tensor, "*#B P 2"], Float[Tensor, "*#B P"]]:
    """Pixels `uv` and depth (metres) of points; pixels mean nothing where depth <= 0.

    Args:
        img_from_src: projection of the camera.
        points_src: points in metres.
        eps: smallest depth that is divided by, so that points behind a camera stay finite.
    """
    points = transform_points(img_from_src, points_src)
    depth = points[..., 2]
    return points[..., :2] / depth.clamp(min=eps)[..., None], depth


def unproject_pixels(
    src_from_img: Float[Tensor, "*#B 4 4"],
    uv: Float[Tensor, "*#B P 2"],
    depth: Float[Tensor, "*#B P"],
) -> Float[Tensor, "*#B P 3"]:
    """The points in `src` that stand at depth `depth` behind the pixels `uv`."""
    points = torch.cat([uv * depth[..., None], depth[..., None]], dim=-1)
    return transform_points(src_from_img, points)


def focal_lengths_px(img_from_lidar: Float[Tensor, "*B 4 4"]) -> Float[Tensor, "*B 2"]:
    """Focal lengths (fx, fy) in pixels, whatever frame, scaled ones too, the matrix starts from.

    The rows for u * depth, v * depth and depth are f * axis + c * z in terms of the image's axes,
    each of length |z|, 1 in a frame of metres, so that their cross products with z have length
    f * |z|^2.
    """
    forward = img_from_lidar[..., 2:3, :3]
    across = torch.linalg.cross(img_from_lidar[..., :2, :3], forward)
    lengths: Tensor = across.norm(dim=-1) / forward.square().sum(-1)
    return lengths


def split_projection(
    img_from_src: Float[Tensor, "*B 4 4"],
) -> tuple[Float[Tensor, "*B 2"], Float[Tensor, "*B 3 4"]]:
    """Focal lengths (fx, fy) in pixels, and the pose that goes before the intrinsic matrix.

    The row for depth is the optical axis; what the rows for u * depth and v * depth have across it
    is f times the image's axes. In a mirrored image fx is negative, so that the axes stay
    right-handed. The intrinsic matrix must be without skew, fy positive.
    """
    forward = img_from_src[..., 2:3, :]
    length = forward[..., :3].norm(dim=-1)  # 1 in a frame of metres
    center = (img_from_src[..., :2, :3] * forward[..., :3]).sum(-1) / length**2
    across = img_from_src[..., :2, :] - center[..., None] * forward
    focal = across[..., :3].norm(dim=-1) / length
    axes = torch.cat([across / focal[..., None], forward], dim=-2)
    mirrored = torch.linalg.det(axes[..., :3]).sign()[..., None]
    one = torch.ones_like(mirrored)
    focal = focal * torch.cat([mirrored, one], dim=-1)
    return focal, axes * torch.cat([mirrored, one, one], dim=-1)[..., None]
