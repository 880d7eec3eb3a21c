"""What cross-attentions have in common that take samples of a feature pyramid."""

from abc import ABC, abstractmethod
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from drivetr.nn.feature_pyramid import FeaturePyramid
from drivetr.nn.position import Position

# Where every camera sees the points of the queries (B,N,Q,P,2), and their weights (B,Q,N,P,L,G).
Look = tuple[Tensor, Tensor]


class PyramidAttention(nn.Module, ABC):
    """Queries look where they stand; called as a decoder layer calls its cross-attention.

    Args:
        embed_dim: width C.
    """

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.output_proj = nn.Linear(embed_dim, embed_dim)
        nn.init.xavier_uniform_(self.output_proj.weight)
        nn.init.zeros_(self.output_proj.bias)

    def forward(
        self,
        query: Float[Tensor, "B Q C"],
        memory: FeaturePyramid,
        query_position: Position,
        memory_position: Position,
        mask: Any = None,
    ) -> tuple[Float[Tensor, "B Q C"], None]:
        """What the queries see, and nothing in the place of attended points.

        Args:
            query: content of the queries.
            memory: what the cameras show.
            query_position: with points, where the queries stand.
            memory_position: not looked at; the cameras tell where the maps are.
            mask: not looked at; what a camera sees follows from its matrix.
        """
        seen = self.output_proj(memory.gather(*self._looked(query, memory, query_position)))
        return self.told(seen, query_position), None

    def weights(
        self,
        query: Float[Tensor, "B Q C"],
        memory: FeaturePyramid,
        query_position: Position,
        memory_position: Position,
        mask: Any = None,
    ) -> Float[Tensor, "B G Q M"]:
        """How much each group of channels takes from each cell of the finest level.

        Takes what `forward` takes. The sum is less than one where a share is lost.
        """
        return self.shares_of(memory.footprint(*self._looked(query, memory, query_position)))

    def told(
        self, seen: Float[Tensor, "B Q C"], query_position: Position
    ) -> Float[Tensor, "B Q C"]:
        """What a query is told of what it sees: just that, unless a subclass adds something."""
        return seen

    def shares_of(self, cells: Float[Tensor, "B G Q M"]) -> Float[Tensor, "B G Q M"]:
        """Weights of cells as shares, for a subclass whose weights do not compete."""
        return cells

    def _looked(self, query: Tensor, memory: FeaturePyramid, position: Position) -> Look:
        if position.points is None:
            raise ValueError(f"{type(self).__name__} needs queries that stand somewhere")
        known = query if position.added is None else query + position.added
        return self.look(query, known, position.points, memory)

    @abstractmethod
    def look(
        self,
        query: Float[Tensor, "B Q C"],
        known: Float[Tensor, "B Q C"],
        points: Float[Tensor, "B Q 3"],
        memory: FeaturePyramid,
    ) -> Look:
        """Where the cameras see what the queries look at, and with which weights.

        Args:
            query: content of the queries.
            known: content and position together.
            points: where they stand, in metres.
            memory: what the cameras show.
        """
