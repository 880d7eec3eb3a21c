"""Outputs that share a trunk and then go separate ways: PETRv2's RegLayer (arXiv:2206.01256)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drivetr.nn.mlp import mlp


class GroupedMlp(nn.Module):
    """Two linear layers for all outputs, then two of its own for every group of them.

    Args:
        embed_dim: width C of input and hidden layers.
        group_dims: outputs of every group.
    """

    def __init__(self, embed_dim: int, group_dims: Sequence[int]) -> None:
        super().__init__()
        self.trunk = nn.Sequential(*mlp(embed_dim, embed_dim, embed_dim), nn.ReLU())
        self.groups = nn.ModuleList(mlp(embed_dim, embed_dim, dim) for dim in group_dims)

    def forward(self, x: Float[Tensor, "*B C"]) -> Float[Tensor, "*B O"]:
        """All outputs, group after group."""
        shared = self.trunk(x)
        return torch.cat([group(shared) for group in self.groups], dim=-1)
