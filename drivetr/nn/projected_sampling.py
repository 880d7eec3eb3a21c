"""DETR3D's cross-attention (arXiv:2110.06922, section 3.3): a query looks where it stands."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drivetr.errors import DrivetrError
from drivetr.nn.feature_pyramid import FeaturePyramid
from drivetr.nn.position import Position
from drivetr.nn.pyramid_attention import Look, PyramidAttention
from drivetr.nn.ranges import Range3D, inverse_sigmoid, unit_from_metres


class ProjectedSampling(PyramidAttention):
    """Projects each query's reference point into all cameras and sums up what stands there.

    Every camera and level has a weight of its own between 0 and 1; they do not compete, and a
    camera that does not see the point has none. An embedding of the point is added.

    Args:
        span: the detection range.
        embed_dim: width C.
        num_cameras: of the rig, in a fixed order; the published weights are for six.
        num_levels: maps that a camera has.
    """

    def __init__(
        self, span: Range3D, embed_dim: int = 256, num_cameras: int = 6, num_levels: int = 4
    ) -> None:
        super().__init__(embed_dim)
        self.span = span
        self.num_cameras = num_cameras
        self.attention_weights = nn.Linear(embed_dim, num_cameras * num_levels)
        self.position_encoder = nn.Sequential(
            nn.Linear(3, embed_dim),
            nn.LayerNorm(embed_dim),
            nn.ReLU(),
            nn.Linear(embed_dim, embed_dim),
            nn.LayerNorm(embed_dim),
            nn.ReLU(),
        )
        nn.init.zeros_(self.attention_weights.weight)
        nn.init.zeros_(self.attention_weights.bias)

    def told(
        self, seen: Float[Tensor, "B Q C"], query_position: Position
    ) -> Float[Tensor, "B Q C"]:
        """What it sees, and an embedding of where it stands."""
        points = query_position.points
        if points is None:
            raise ValueError("ProjectedSampling needs queries that stand somewhere")
        logits = inverse_sigmoid(unit_from_metres(points, self.span))
        embedded: Tensor = self.position_encoder(logits)
        return seen + embedded

    def shares_of(self, cells: Float[Tensor, "B 1 Q M"]) -> Float[Tensor, "B 1 Q M"]:
        """The weights as shares of their sum, which is zero where no camera sees the point."""
        return cells / cells.sum(-1, keepdim=True).clamp(min=torch.finfo(cells.dtype).tiny)

    def look(
        self,
        query: Float[Tensor, "B Q C"],
        known: Float[Tensor, "B Q C"],
        points: Float[Tensor, "B Q 3"],
        memory: FeaturePyramid,
    ) -> Look:
        """The queries' points in every camera, and the weights of what stands there.

        Raises:
            DrivetrError: the rig has another number of cameras.
        """
        found = memory.cameras.valid.shape[1]
        if found != self.num_cameras:
            raise DrivetrError(
                f"a rig of {found} cameras, but attention weights for {self.num_cameras}; set"
                f" num_cameras={found} in every cross-attention of the model and train it"
            )
        place, visible = memory.project(points[:, :, None])
        split = (self.num_cameras, 1, len(memory.levels), 1)  # cameras, points, levels, groups
        weights = self.attention_weights(known).sigmoid().unflatten(-1, split)
        return place, weights * visible.transpose(1, 2)[..., None, None]
