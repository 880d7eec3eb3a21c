"""Multi-head attention with torch.nn.MultiheadAttention's parameters and room for positions."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name every PyTorch reader expects

from drivetr.nn.kernel import KERNEL_DIM, GaussianKernel
from drivetr.nn.position import Position


class MultiheadAttention(nn.Module):
    """Attention whose queries and keys are content plus position; values carry no position.

    Args:
        embed_dim: width C of all tokens.
        num_heads: heads; must divide the width.
        dropout: of the attention weights.
        kernel: compares the points of queries and keys; without it points are ignored.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        kernel: GaussianKernel | None = None,
    ) -> None:
        super().__init__()
        if num_heads < 1 or embed_dim % num_heads:
            raise ValueError(f"embed_dim {embed_dim} is not a multiple of num_heads {num_heads}")
        self.num_heads = num_heads
        self.dropout = dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * embed_dim, embed_dim))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * embed_dim))
        self.out_proj = nn.Linear(embed_dim, embed_dim)
        self.kernel = kernel
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(
        self,
        query: Float[Tensor, "B Q C"],
        key: Float[Tensor, "B M C"],
        query_position: Position,
        key_position: Position,
        mask: Bool[Tensor, "#B #heads #Q M"] | None = None,
    ) -> tuple[Float[Tensor, "B Q C"], Float[Tensor, "B heads Q 3"] | None]:
        """Attends from queries to keys; values are the keys without their position.

        Args:
            query: content of the queries.
            key: content of the keys, and the values.
            query_position: where the queries are.
            key_position: where the keys are.
            mask: True where a query may look.

        Returns:
            the attended content and, with a kernel, the attended point of every head in metres.
        """
        q, k, v, scale = self._project(query, key, query_position, key_position)
        dropout = self.dropout if self.training else 0.0
        if self.kernel is None:
            out, points = F.scaled_dot_product_attention(q, k, v, mask, dropout), None
        else:
            # Squared distances cancel to a few metres: they do not survive 16 bits.
            with torch.autocast(q.device.type, enabled=False):
                out = F.scaled_dot_product_attention(q, k, v, mask, dropout, scale=scale)
            out, points = out[..., :-KERNEL_DIM], out[..., -KERNEL_DIM:-1]
        return self.out_proj(out.transpose(1, 2).flatten(2).to(query.dtype)), points

    def weights(
        self,
        query: Float[Tensor, "B Q C"],
        key: Float[Tensor, "B M C"],
        query_position: Position,
        key_position: Position,
        mask: Bool[Tensor, "#B #heads #Q M"] | None = None,
    ) -> Float[Tensor, "B heads Q M"]:
        """How much each query looks at each key: what `forward` averages with, without dropout.

        Takes what `forward` takes. Memory grows with Q * M, which `forward` avoids.
        """
        q, k, _, scale = self._project(query, key, query_position, key_position)
        logits = (q.float() * scale) @ k.float().transpose(-1, -2)
        if mask is not None:
            logits = logits.masked_fill(~mask, -torch.inf)
        return logits.softmax(-1)

    def _project(
        self, query: Tensor, key: Tensor, query_position: Position, key_position: Position
    ) -> tuple[Tensor, Tensor, Tensor, float]:
        """Queries, keys and values of all heads (B heads tokens dim), and the scale of q @ k."""
        w_q, w_k, w_v = self.in_proj_weight.chunk(3)
        b_q, b_k, b_v = self.in_proj_bias.chunk(3)
        q = self._heads(F.linear(_add(query, query_position.added), w_q, b_q))
        k = self._heads(F.linear(_add(key, key_position.added), w_k, b_k))
        v = self._heads(F.linear(key, w_v, b_v))
        scale = q.shape[-1] ** -0.5
        if self.kernel is None:
            return q, k, v, scale
        if query_position.points is None or key_position.points is None:
            raise ValueError("attention with a kernel needs points of queries and keys")
        points_q, points_k = query_position.points.float(), key_position.points.float()
        q = torch.cat([q.float() * scale, self.kernel.query_columns(points_q)], dim=-1)
        k = torch.cat([k.float(), self.kernel.key_columns(points_k)], dim=-1)
        # As wide as q and k are, which the fast kernels ask for.
        carried = F.pad(points_k, (0, KERNEL_DIM - 3))[:, None].expand(-1, self.num_heads, -1, -1)
        return q, k, torch.cat([v.float(), carried], dim=-1), 1.0

    def _heads(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:-1], self.num_heads, -1).transpose(1, 2)


def _add(content: Tensor, position: Tensor | None) -> Tensor:
    return content if position is None else content + position
