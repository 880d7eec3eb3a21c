"""Cross-attention that looks at images of now and of the past one after the other."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name every PyTorch reader expects

from drivetr.nn.attention import MultiheadAttention
from drivetr.nn.kernel import GaussianKernel
from drivetr.nn.position import Position


class TwoMomentAttention(nn.Module):
    """One attention to the first half of the tokens, another to the second, and the sum of both.

    In one softmax the two moments compete, and the mean of what was seen mixes them. Apart, the
    points that both attentions looked at tell how far something went.

    Args:
        embed_dim: width C of all tokens.
        num_heads: heads of each attention.
        dropout: of the attention weights.
        widths: initial kernel width (metres) of each head; without them points are ignored.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        widths: Sequence[float] | None = None,
    ) -> None:
        super().__init__()

        def attention() -> MultiheadAttention:
            kernel = None if widths is None else GaussianKernel(widths)
            return MultiheadAttention(embed_dim, num_heads, dropout, kernel)

        self.now = attention()
        self.then = attention()

    def forward(
        self,
        query: Float[Tensor, "B Q C"],
        memory: Float[Tensor, "B M C"],
        query_position: Position,
        memory_position: Position,
        mask: Bool[Tensor, "B 1 1 M"] | None = None,
    ) -> tuple[Float[Tensor, "B Q C"], Float[Tensor, "B 2*heads Q 3"] | None]:
        """As `MultiheadAttention`, from M / 2 tokens of now followed by as many of the past.

        Returns:
            what was seen, and the points of the heads: of those of now, then of those of the past,
            which repeat the former where a sample has no past.
        """
        half = memory.shape[1] // 2

        def look(
            attention: nn.Module, tokens: slice
        ) -> tuple[Float[Tensor, "B Q C"], Float[Tensor, "B heads Q 3"] | None]:
            visible = None if mask is None else mask[..., tokens]
            seen, points = attention(
                query, memory[:, tokens], query_position, memory_position[tokens], visible
            )
            return seen, points

        seen, now = look(self.now, slice(half))
        past, then = look(self.then, slice(half, None))
        if mask is not None:
            has_past = mask[..., half:].any(-1, keepdim=True)  # B 1 1 1
            past = torch.where(has_past[:, 0], past, 0.0)
            then = None if then is None or now is None else torch.where(has_past, then, now)
        points = None if then is None or now is None else torch.cat([now, then], dim=1)
        return seen + past, points

    def weights(
        self,
        query: Float[Tensor, "B Q C"],
        memory: Float[Tensor, "B M C"],
        query_position: Position,
        memory_position: Position,
        mask: Bool[Tensor, "B 1 1 M"] | None = None,
    ) -> Float[Tensor, "B 2*heads Q M"]:
        """How much each query looks at each token, as `MultiheadAttention.weights`.

        Every head sums to one: those of now over the first half of the tokens, those of the past
        over the second. As with the points, the past repeats now where a sample has none.
        """
        half = memory.shape[1] // 2

        def look(attention: MultiheadAttention, tokens: slice) -> Float[Tensor, "B heads Q M/2"]:
            visible = None if mask is None else mask[..., tokens]
            return attention.weights(
                query, memory[:, tokens], query_position, memory_position[tokens], visible
            )

        now, then = look(self.now, slice(half)), look(self.then, slice(half, None))
        now, then = F.pad(now, (0, half)), F.pad(then, (half, 0))
        if mask is not None:
            then = torch.where(mask[..., half:].any(-1, keepdim=True), then, now)
        return torch.cat([now, then], dim=1)
