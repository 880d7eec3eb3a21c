"""DETR3D's cross-attention (arXiv:2110.06922, section 3.3): a query looks where it stands."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drivetr.errors import DrivetrError
from drivetr.nn.feature_pyramid import FeaturePyramid
from drivetr.nn.position import Position
from drivetr.nn.ranges import Range3D, inverse_sigmoid, unit_from_metres


class ProjectedSampling(nn.Module):
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
        super().__init__()
        self.span = span
        self.num_cameras = num_cameras
        self.attention_weights = nn.Linear(embed_dim, num_cameras * num_levels)
        self.output_proj = nn.Linear(embed_dim, embed_dim)
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
            mask: not looked at; visibility follows from the cameras.

        Raises:
            DrivetrError: the rig has another number of cameras.
        """
        points = _points(query_position)
        place, weights = self._look(query, memory, query_position)
        seen = self.output_proj(memory.gather(place, weights))
        logits = inverse_sigmoid(unit_from_metres(points, self.span))
        return seen + self.position_encoder(logits), None

    def weights(
        self,
        query: Float[Tensor, "B Q C"],
        memory: FeaturePyramid,
        query_position: Position,
        memory_position: Position,
        mask: Any = None,
    ) -> Float[Tensor, "B 1 Q M"]:
        """What part of all that a query takes comes from each cell of the finest level.

        Takes what `forward` takes. The weights do not compete; here they are told as shares of
        their sum, which is zero where no camera sees the point.
        """
        cells = memory.footprint(*self._look(query, memory, query_position))
        return cells / cells.sum(-1, keepdim=True).clamp(min=torch.finfo(cells.dtype).tiny)

    def _look(
        self, query: Tensor, memory: FeaturePyramid, query_position: Position
    ) -> tuple[Float[Tensor, "B N Q 1 2"], Float[Tensor, "B Q N 1 L 1"]]:
        """Where the queries stand in every camera, and the weights of what stands there."""
        points = _points(query_position)
        found = memory.cameras.valid.shape[1]
        if found != self.num_cameras:
            raise DrivetrError(
                f"a rig of {found} cameras, but attention weights for {self.num_cameras}; set"
                f" num_cameras={found} in every cross-attention of the model and train it"
            )
        place, visible = memory.project(points[:, :, None])
        known = query if query_position.added is None else query + query_position.added
        split = (self.num_cameras, 1, len(memory.levels), 1)  # cameras, points, levels, groups
        weights = self.attention_weights(known).sigmoid().unflatten(-1, split)
        return place, weights * visible.transpose(1, 2)[..., None, None]


def _points(position: Position) -> Float[Tensor, "B Q 3"]:
    if position.points is None:
        raise ValueError("ProjectedSampling needs queries that stand somewhere")
    return position.points
