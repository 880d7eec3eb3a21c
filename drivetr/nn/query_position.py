"""Where object queries are, for decoders that look at places and not at tokens."""

from jaxtyping import Float
from torch import Tensor, nn

from drivetr.nn.mlp import mlp
from drivetr.nn.position import Position
from drivetr.nn.ranges import Range3D, metres_from_unit
from drivetr.nn.sine_position import sine_of_points


class QueryPosition(nn.Module):
    """Embeds reference points as PETR does, from their sines, and keeps them as points too.

    Args:
        span: the detection range that reference points are fractions of.
        embed_dim: width C of the queries, even.
    """

    def __init__(self, span: Range3D, embed_dim: int = 256) -> None:
        super().__init__()
        self.span = span
        self.num_feats = embed_dim // 2
        self.query_embedding = mlp(3 * self.num_feats, embed_dim, embed_dim)

    def encode_queries(self, reference: Float[Tensor, "B Q 3"]) -> Position:
        """Positions of queries from reference points in units of the detection range (0..1)."""
        added = self.query_embedding(sine_of_points(reference, self.num_feats))
        return Position(added, metres_from_unit(reference, self.span))
