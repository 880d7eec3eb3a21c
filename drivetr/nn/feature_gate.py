"""PETRv2's feature-guided position encoding (arXiv:2206.01256, section 3.2)."""

from jaxtyping import Float
from torch import Tensor, nn


class FeatureGate(nn.Module):
    """Lets what a cell shows decide how much of each channel of its 3D position counts.

    A ray alone cannot tell at which depth its object is; the image can.

    Args:
        embed_dim: channels E of features and positions.
    """

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(embed_dim, embed_dim, 1)
        self.expand = nn.Conv2d(embed_dim, embed_dim, 1)

    def forward(
        self, position: Float[Tensor, "B E H W"], features: Float[Tensor, "B E H W"]
    ) -> Float[Tensor, "B E H W"]:
        """The position times sigmoid(expand(relu(reduce(features))))."""
        gated: Tensor = position * self.expand(self.reduce(features).relu()).sigmoid()
        return gated
