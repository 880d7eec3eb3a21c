"""StreamPETR's motion-aware layer norm (arXiv:2303.11926, section 3.3)."""

from jaxtyping import Float
from torch import Tensor, nn


class ModulatedNorm(nn.Module):
    """A layer norm whose scale and shift follow from a condition: gamma(c) * norm(x) + beta(c).

    It starts as a plain layer norm.

    Args:
        condition_dim: width of the condition.
        embed_dim: width C of what is normed.
        normed: with False only scale and shift are left.
    """

    def __init__(self, condition_dim: int, embed_dim: int, normed: bool = True) -> None:
        super().__init__()
        self.reduce = nn.Linear(condition_dim, embed_dim)
        self.gamma = nn.Linear(embed_dim, embed_dim)
        self.beta = nn.Linear(embed_dim, embed_dim)
        self.norm = nn.LayerNorm(embed_dim, elementwise_affine=False) if normed else nn.Identity()
        for layer, start in ((self.gamma, 1.0), (self.beta, 0.0)):
            nn.init.zeros_(layer.weight)
            nn.init.constant_(layer.bias, start)

    def forward(
        self, x: Float[Tensor, "*#B C"], condition: Float[Tensor, "*#B D"]
    ) -> Float[Tensor, "*B C"]:
        """Normed and modulated, token by token."""
        told = self.reduce(condition).relu()
        normed: Tensor = self.gamma(told) * self.norm(x) + self.beta(told)
        return normed
