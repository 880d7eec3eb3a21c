"""The decoder of DETR (arXiv:2005.12872): queries look at each other, then at all images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from drivetr.nn.attention import MultiheadAttention
from drivetr.nn.kernel import GaussianKernel
from drivetr.nn.mlp import feed_forward
from drivetr.nn.position import Position


@dataclass(frozen=True)
class PastKeys:
    """What queries look at in their self-attention besides one another.

    Attributes:
        content: keys, and values.
        position: where they are.
    """

    content: Float[Tensor, "B P C"]
    position: Position


class DecoderLayer(nn.Module):
    """Self-attention, cross-attention and feed-forward, each followed by a norm (post-norm).

    Args:
        self_attention: among the queries.
        cross_attention: from the queries to the image; called with the queries, `memory`, the
            positions of both and the mask, it gives what was seen and where, as
            `MultiheadAttention` does.
        embed_dim: width C of the tokens.
        ffn_dim: width inside the feed-forward part; 0 leaves it out.
        dropout: after each attention and inside and after the feed-forward part.
    """

    def __init__(
        self,
        self_attention: MultiheadAttention,
        cross_attention: nn.Module,
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
        memory: Any,
        query_position: Position,
        memory_position: Position,
        query_mask: Bool[Tensor, "#B 1 Q S"] | None = None,
        memory_mask: Bool[Tensor, "B 1 1 M"] | None = None,
        past: PastKeys | None = None,
    ) -> tuple[Float[Tensor, "B Q C"], Float[Tensor, "B heads Q 3"] | None]:
        """The queries after one round, and the points that each head of them looked at.

        Args:
            query: content of the queries.
            memory: what the cross-attention looks at, for `MultiheadAttention` (B,M,C).
            query_position: where the queries are.
            memory_position: where the image tokens are.
            query_mask: True where a query may look at a query, and then at a past key.
            memory_mask: True where queries may look at an image token.
            past: further keys of the self-attention.
        """
        keys, key_position = query, query_position
        if past is not None:
            keys = torch.cat([query, past.content], dim=1)
            key_position = query_position.followed_by(past.position)
        seen, _ = self.self_attention(query, keys, query_position, key_position, query_mask)
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
        cross_attention: one module a layer in the place of attention to all image tokens.
        post_norm: whether what a head reads is normed once more (DETR, PETR), or not (DETR3D).
    """

    def __init__(  # noqa: PLR0913 - sizes, and two parts that some papers replace
        self,
        embed_dim: int = 256,
        num_heads: int = 8,
        ffn_dim: int = 2048,
        num_layers: int = 6,
        dropout: float = 0.1,
        cross_widths: Sequence[float] | None = None,
        self_widths: Sequence[float] | None = None,
        with_checkpoint: bool = False,
        cross_attention: Sequence[nn.Module] | None = None,
        post_norm: bool = True,
    ) -> None:
        super().__init__()
        if cross_attention is not None and len(cross_attention) != num_layers:
            raise ValueError(
                f"cross_attention has {len(cross_attention)} modules for {num_layers} layers"
            )

        def attention(widths: Sequence[float] | None) -> MultiheadAttention:
            kernel = None if widths is None else GaussianKernel(widths)
            return MultiheadAttention(embed_dim, num_heads, dropout, kernel)

        self.layers = nn.ModuleList(
            DecoderLayer(
                attention(self_widths),
                attention(cross_widths) if cross_attention is None else cross_attention[index],
                embed_dim,
                ffn_dim,
                dropout,
            )
            for index in range(num_layers)
        )
        self.post_norm = nn.LayerNorm(embed_dim) if post_norm else nn.Identity()
        self.with_checkpoint = with_checkpoint

    def __len__(self) -> int:
        """Number of layers."""
        return len(self.layers)

    def step(
        self,
        index: int,
        query: Float[Tensor, "B Q C"],
        memory: Any,
        query_position: Position,
        memory_position: Position,
        query_mask: Bool[Tensor, "#B 1 Q S"] | None = None,
        memory_mask: Bool[Tensor, "B 1 1 M"] | None = None,
        past: PastKeys | None = None,
    ) -> tuple[Float[Tensor, "B Q C"], Float[Tensor, "B heads Q 3"] | None]:
        """Runs layer `index`; its output still wants `post_norm` before a head reads it."""
        layer = self.layers[index]
        inputs = (query, memory, query_position, memory_position, query_mask, memory_mask, past)
        if self.with_checkpoint and self.training:
            result: tuple[Tensor, Tensor | None] = checkpoint(layer, *inputs, use_reentrant=False)
            return result
        query, points = layer(*inputs)
        return query, points
