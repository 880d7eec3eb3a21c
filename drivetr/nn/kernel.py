"""A 3D Gaussian around every query, as extra columns of queries and keys.

For a query at r and a key at p, |r - p|^2 / (2 s^2) differs from |p|^2 / (2 s^2) - r.p / s^2 only
by a term that the softmax over keys cannot see. So the query carries [r / s^2, 1 / s^2], the key
carries [p, -|p|^2 / 2], and their dot product makes attention weigh every key by content times
exp(-|r - p|^2 / (2 s^2)). Gaussians over projected centres are known from SMCA (arXiv:2101.07448),
image tokens that know a 3D point from 3DPPE (arXiv:2211.14710), positions that are concatenated and
not added from Conditional DETR (arXiv:2108.06152).
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

KERNEL_DIM = 4


class GaussianKernel(nn.Module):
    """One learned width a head.

    Args:
        widths: initial standard deviations in metres, one an attention head.
    """

    def __init__(self, widths: Sequence[float]) -> None:
        super().__init__()
        self.log_width = nn.Parameter(torch.tensor(widths).log())

    def query_columns(self, points: Float[Tensor, "B Q 3"]) -> Float[Tensor, "B heads Q 4"]:
        """[r / s^2, 1 / s^2] of every head."""
        precision = (-2 * self.log_width).exp()[None, :, None, None]
        one = torch.ones_like(points[..., :1])
        return torch.cat([points, one], dim=-1)[:, None] * precision

    def key_columns(self, points: Float[Tensor, "B M 3"]) -> Float[Tensor, "B heads M 4"]:
        """[p, -|p|^2 / 2], the same for every head."""
        columns = torch.cat([points, -0.5 * points.square().sum(-1, keepdim=True)], dim=-1)
        return columns[:, None].expand(-1, len(self.log_width), -1, -1)
