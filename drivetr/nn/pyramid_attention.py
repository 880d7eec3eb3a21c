"""What cross-attentions have in common that take samples of a feature pyramid."""

from abc import ABC, abstractmethod
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from drivetr.nn.feature_pyramid import FeaturePyramid
from drivetr.nn.position import Position


class PyramidAttention(nn.Module, ABC):
    """Queries look where they stand; called as a decoder layer calls its cross-attention."""

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
        points = query_position.points
        if points is None:
            raise ValueError(f"{type(self).__name__} needs queries that stand somewhere")
        known = query if query_position.added is None else query + query_position.added
        return self.look(query, known, points, memory), None

    @abstractmethod
    def look(
        self,
        query: Float[Tensor, "B Q C"],
        known: Float[Tensor, "B Q C"],
        points: Float[Tensor, "B Q 3"],
        memory: FeaturePyramid,
    ) -> Float[Tensor, "B Q C"]:
        """What the queries see.

        Args:
            query: content of the queries.
            known: content and position together.
            points: where they stand, in metres.
            memory: what the cameras show.
        """
