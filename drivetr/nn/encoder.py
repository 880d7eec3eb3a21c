"""The encoder of DETR (arXiv:2005.12872): image tokens look at each other."""

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from drivetr.nn.attention import MultiheadAttention
from drivetr.nn.mlp import feed_forward
from drivetr.nn.position import Position


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward, each followed by a norm (post-norm).

    Args:
        embed_dim: width C of the tokens.
        num_heads: attention heads.
        ffn_dim: width inside the feed-forward part; 0 leaves it out.
        dropout: in and after the attention, and inside and after the feed-forward part.
    """

    def __init__(self, embed_dim: int, num_heads: int, ffn_dim: int, dropout: float) -> None:
        super().__init__()
        self.self_attention = MultiheadAttention(embed_dim, num_heads, dropout)
        self.ffn = feed_forward(embed_dim, ffn_dim, dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(embed_dim) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        tokens: Float[Tensor, "B M C"],
        position: Position,
        mask: Bool[Tensor, "B 1 1 M"] | None = None,
    ) -> Float[Tensor, "B M C"]:
        """The tokens after one round; the mask is True where one may look."""
        seen, _ = self.self_attention(tokens, tokens, position, position, mask)
        tokens = self.norms[0](tokens + self.dropout(seen))
        out: Tensor = self.norms[1](tokens + self.dropout(self.ffn(tokens)))
        return out


class TransformerEncoder(nn.Module):
    """A stack of encoder layers; every layer adds the positions anew.

    Args:
        embed_dim: width C of the tokens.
        num_heads: attention heads.
        ffn_dim: width inside the feed-forward parts; 0 leaves them out.
        num_layers: layers; with 0 the tokens stay as they are.
        dropout: everywhere in the layers.
        with_checkpoint: trades time for memory by gradient checkpointing.
    """

    def __init__(
        self,
        embed_dim: int = 256,
        num_heads: int = 8,
        ffn_dim: int = 2048,
        num_layers: int = 6,
        dropout: float = 0.1,
        with_checkpoint: bool = False,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            EncoderLayer(embed_dim, num_heads, ffn_dim, dropout) for _ in range(num_layers)
        )
        self.with_checkpoint = with_checkpoint

    def forward(
        self,
        tokens: Float[Tensor, "B M C"],
        position: Position,
        mask: Bool[Tensor, "B 1 1 M"] | None = None,
    ) -> Float[Tensor, "B M C"]:
        """The tokens after all layers; the mask is True where one may look."""
        for layer in self.layers:
            if self.with_checkpoint and self.training:
                tokens = checkpoint(layer, tokens, position, mask, use_reentrant=False)
            else:
                tokens = layer(tokens, position, mask)
        return tokens
