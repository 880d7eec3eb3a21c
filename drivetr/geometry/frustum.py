"""Points along the viewing rays of feature cells (PETR, arXiv:2203.05625, section 3.2)."""

import torch
from jaxtyping import Float
from torch import Tensor


def depth_bins(
    num_bins: int, start: int | float, end: int | float, linear_increasing: bool = True
) -> Float[Tensor, "D"]:
    """Depths (metres) at the lower edge of each bin.

    With `linear_increasing` (LID, CaDDN, arXiv:2103.01100) bin i begins at
    start + (end - start) * i * (i + 1) / (D * (D + 1)); otherwise the bins are uniform.
    """
    index = torch.arange(num_bins, dtype=torch.float32)
    if linear_increasing:
        return start + (end - start) / (num_bins * (num_bins + 1)) * index * (index + 1)
    return start + (end - start) / num_bins * index


def cell_pixels(
    feature_size: tuple[int, int], image_size: tuple[int, int], offset: int | float
) -> Float[Tensor, "H W 2"]:
    """Pixel (u, v) of each feature cell; `offset` 0 is its top-left corner, 0.5 its centre."""
    (rows, columns), (height, width) = feature_size, image_size
    v = (torch.arange(rows, dtype=torch.float32) + offset) * height / rows
    u = (torch.arange(columns, dtype=torch.float32) + offset) * width / columns
    return torch.stack(torch.meshgrid(u, v, indexing="xy"), dim=-1)


def frustum_points(
    src_from_img: Float[Tensor, "*B 4 4"], uv: Float[Tensor, "H W 2"], depths: Float[Tensor, "D"]
) -> Float[Tensor, "*B H W D 3"]:
    """Points in `src` at every depth behind every pixel: the outer product of ray and depth."""
    rays = torch.cat([uv, torch.ones_like(uv[..., :1])], dim=-1)  # H W 3
    rotation, translation = src_from_img[..., :3, :3], src_from_img[..., :3, 3]
    rays = torch.einsum("...ij,hwj->...hwi", rotation, rays.to(rotation.dtype))
    steps = depths.to(rotation.dtype)[:, None]
    return rays[..., None, :] * steps + translation[..., None, None, None, :]
