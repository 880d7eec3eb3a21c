"""Where object queries start and what they know at first."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drivetr.nn.mlp import mlp


class LearnedQueries(nn.Module):
    """PETR's queries: learned reference points and no content.

    Args:
        num_queries: Q.
        embed_dim: width C of the content.
    """

    def __init__(self, num_queries: int, embed_dim: int) -> None:
        super().__init__()
        self.reference_points = nn.Embedding(num_queries, 3)
        nn.init.uniform_(self.reference_points.weight)
        self.embed_dim = embed_dim

    def reference(self) -> Float[Tensor, "Q 3"]:
        """Starting points in units of the detection range."""
        return self.reference_points.weight

    def content(self, reference: Float[Tensor, "B Q 3"]) -> Float[Tensor, "B Q C"]:
        """Zeros, as in PETR."""
        return reference.new_zeros(*reference.shape[:2], self.embed_dim)


class GridQueries(nn.Module):
    """Queries on a fixed grid on the ground, with content from Fourier features of the place.

    Args:
        grid_size: queries along x and along y.
        height: z of all queries in units of the detection range.
        embed_dim: width C of the content.
        num_frequencies: octaves of the Fourier features.
    """

    frequencies: Tensor
    points: Tensor

    def __init__(
        self, grid_size: int, height: float, embed_dim: int, num_frequencies: int = 6
    ) -> None:
        super().__init__()
        ticks = (torch.arange(grid_size) + 0.5) / grid_size
        x, y = torch.meshgrid(ticks, ticks, indexing="ij")
        points = torch.stack([x, y, torch.full_like(x, height)], dim=-1).flatten(0, 1)
        self.register_buffer("points", points, persistent=False)
        frequencies = torch.pi * 2.0 ** torch.arange(num_frequencies)
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.embed = mlp(3 * 2 * num_frequencies, embed_dim, embed_dim)

    def reference(self) -> Float[Tensor, "Q 3"]:
        """The grid points in units of the detection range."""
        return self.points

    def content(self, reference: Float[Tensor, "B Q 3"]) -> Float[Tensor, "B Q C"]:
        """An embedding of sines and cosines of the place."""
        angles = (reference[..., None] * self.frequencies).flatten(-2)
        content: Tensor = self.embed(torch.cat([angles.sin(), angles.cos()], dim=-1))
        return content
