"""The transformer block of ViT and CLIP: normalise, then attend or transform, then add."""

from typing import Literal

from jaxtyping import Bool, Float
from torch import Tensor, nn

from drivetr.nn.attention import MultiheadAttention
from drivetr.nn.position import Position


class QuickGELU(nn.Module):
    """x * sigmoid(1.702 x), the approximation of GELU that CLIP was trained with."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return x * (1.702 * x).sigmoid()


Activation = Literal["gelu", "quick_gelu"]
_ACTIVATIONS: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "quick_gelu": QuickGELU}


class PreNormBlock(nn.Module):
    """Attention and feed-forward, each behind a norm; parameters carry torchvision's names.

    Args:
        embed_dim: width C of the tokens.
        num_heads: attention heads.
        mlp_dim: width inside the feed-forward part.
        dropout: in and after the attention, and inside and after the feed-forward part.
        eps: of the layer norms.
        activation: of the feed-forward part.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        mlp_dim: int,
        dropout: float,
        eps: float,
        activation: Activation = "gelu",
    ) -> None:
        super().__init__()
        if activation not in _ACTIVATIONS:
            raise ValueError(f"activation is {activation!r}, expected one of {[*_ACTIVATIONS]}")
        self.ln_1 = nn.LayerNorm(embed_dim, eps=eps)
        self.self_attention = MultiheadAttention(embed_dim, num_heads, dropout)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = nn.LayerNorm(embed_dim, eps=eps)
        self.mlp = nn.Sequential(
            nn.Linear(embed_dim, mlp_dim),
            _ACTIVATIONS[activation](),
            nn.Dropout(dropout),
            nn.Linear(mlp_dim, embed_dim),
            nn.Dropout(dropout),
        )

    def forward(
        self, x: Float[Tensor, "B T C"], mask: Bool[Tensor, "#B 1 T T"] | None = None
    ) -> Float[Tensor, "B T C"]:
        """The tokens after one round; the mask is True where one may look."""
        normed = self.ln_1(x)
        seen, _ = self.self_attention(normed, normed, Position(), Position(), mask)
        x = x + self.dropout(seen)
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out
