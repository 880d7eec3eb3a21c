"""A control that knows no calibration: where a token is in its image, and which camera it is."""

from jaxtyping import Float
from torch import Tensor, nn

from drivetr.nn.mlp import mlp
from drivetr.nn.padding import padding_mask
from drivetr.nn.position import Position
from drivetr.nn.sine_position import multiview_sine, sine_of_points
from drivetr.structures.cameras import Cameras


class GridPosition(nn.Module):
    """Sines of camera number, row and column for image tokens, sines of the place for queries.

    This is what remains of PETR's encoding without its frustum points. A detector that does as well
    with it does not use its calibration.

    Args:
        embed_dim: width E of the tokens, a multiple of 4.
    """

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.num_feats = embed_dim // 2
        self.cell_embedding = mlp(3 * self.num_feats, 2 * embed_dim, embed_dim)
        self.query_embedding = mlp(3 * self.num_feats, embed_dim, embed_dim)

    def encode_keys(
        self,
        features: Float[Tensor, "B N C H W"],
        cameras: Cameras,
        points: Float[Tensor, "B N H W 3"] | None = None,
    ) -> Position:
        """Positions to add to the N * H * W image tokens; `points` are not looked at."""
        padding = padding_mask(cameras, (features.shape[-2], features.shape[-1]))
        cells = multiview_sine(padding, self.num_feats).movedim(2, -1).flatten(1, 3)
        return Position(added=self.cell_embedding(cells))

    def encode_queries(self, reference: Float[Tensor, "B Q 3"]) -> Position:
        """Positions to add to queries at reference points in units of the range (0..1)."""
        return Position(added=self.query_embedding(sine_of_points(reference, self.num_feats)))
