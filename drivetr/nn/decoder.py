"""The decoder of DETR (arXiv:2005.12872): queries look at each other, then at all images."""

from collections.abc import Sequence

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from drivetr.nn.attention import MultiheadAttention
from drivetr.nn.kernel import GaussianKernel
from drivetr.nn.mlp import feed_forward
from drivetr.nn.position import Position


class DecoderLayer(nn.Module):
    """Self-attention, cross-attention and feed-forward, each followed by a norm (post-norm).

    Args:
        self_attention: among the queries.
        cross_attention: from the queries to the image tokens.
        embed_dim: width C of the tokens.
        ffn_dim: width inside the feed-forward part; 0 leaves it out.
        dropout: after each attention and inside and after the feed-forward part.
    """

    def __init__(
        self,
        self_attention: MultiheadAttention,
        cross_attention: MultiheadAttention,
        embed_dim: int,
        ffn_dim: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.self_attention = self_attention
        self.cross_attention = cross_attention
        self.ffn = feed_forward(embed_dim, ffn_dim, dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(embed_dim) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        query: Float[Tensor, "B Q C"],
        memory: Float[Tensor, "B M C"],
        query_position: Position,
        memory_position: Position,
        query_mask: Bool[Tensor, "#B 1 Q Q"] | None = None,
        memory_mask: Bool[Tensor, "B 1 1 M"] | None = None,
    ) -> tuple[Float[Tensor, "B Q C"], Float[Tensor, "B heads Q 3"] | None]:
        """The queries after one round, and the points that each head of them looked at."""
        seen, _ = self.self_attention(query, query, query_position, query_position, query_mask)
        query = self.norms[0](query + self.dropout(seen))
        seen, points = self.cross_attention(
            query, memory, query_position, memory_position, memory_mask
        )
        query = self.norms[1](query + self.dropout(seen))
        return self.norms[2](query + self.dropout(self.ffn(query))), points


class TransformerDecoder(nn.Module):
    """A stack of decoder layers and the norm that reads them out.

    Args:
        embed_dim: width C of the tokens.
        num_heads: attention heads.
        ffn_dim: width inside the feed-forward parts; 0 leaves them out.
        num_layers: layers L.
        dropout: everywhere in the layers.
        cross_widths: initial kernel width (metres) of each head of the cross-attention, or none.
        self_widths: the same for the attention among queries.
        with_checkpoint: trades time for memory by gradient checkpointing.
    """

    def __init__(
        self,
        embed_dim: int = 256,
        num_heads: int = 8,
        ffn_dim: int = 2048,
        num_layers: int = 6,
        dropout: float = 0.1,
        cross_widths: Sequence[float] | None = None,
        self_widths: Sequence[float] | None = None,
        with_checkpoint: bool = False,
    ) -> None:
        super().__init__()

        def attention(widths: Sequence[float] | None) -> MultiheadAttention:
            kernel = None if widths is None else GaussianKernel(widths)
            return MultiheadAttention(embed_dim, num_heads, dropout, kernel)

        self.layers = nn.ModuleList(
            DecoderLayer(
                attention(self_widths), attention(cross_widths), embed_dim, ffn_dim, dropout
            )
            for _ in range(num_layers)
        )
        self.post_norm = nn.LayerNorm(embed_dim)
        self.with_checkpoint = with_checkpoint

    def __len__(self) -> int:
        """Number of layers."""
        return len(self.layers)

    def step(
        self,
        index: int,
        query: Float[Tensor, "B Q C"],
        memory: Float[Tensor, "B M C"],
        query_position: Position,
        memory_position: Position,
        query_mask: Bool[Tensor, "#B 1 Q Q"] | None = None,
        memory_mask: Bool[Tensor, "B 1 1 M"] | None = None,
    ) -> tuple[Float[Tensor, "B Q C"], Float[Tensor, "B heads Q 3"] | None]:
        """Runs layer `index`; its output still wants `post_norm` before a head reads it."""
        layer = self.layers[index]
        inputs = (query, memory, query_position, memory_position, query_mask, memory_mask)
        if self.with_checkpoint and self.training:
            result: tuple[Tensor, Tensor | None] = checkpoint(layer, *inputs, use_reentrant=False)
            return result
        query, points = layer(*inputs)
        return query, points
