"""The cross-attention of RepDETR3D, StreamPETR's sparse variant: learned points around a query.

In the published code (exiawsh/StreamPETR, detr3d_transformer.py) it is
`DeformableFeatureAggregationCuda`, a compiled operation; the parameters have its names.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drivetr.nn.feature_pyramid import FeaturePyramid
from drivetr.nn.position import Position
from drivetr.structures.cameras import Cameras


class SampledAggregation(nn.Module):
    """Each query looks at several points near it, in all cameras and levels that compete.

    The points follow from what a query knows; the weights also from where it is and from each
    camera's projection matrix, so that any number of cameras will do. They sum to one over cameras,
    levels and points, for each group of channels; where a camera does not see a point its share is
    lost.

    Args:
        embed_dim: width C.
        num_groups: equal groups of channels with weights of their own.
        num_levels: maps that a camera has.
        num_points: points a query looks at.
        spread_m: untrained points are up to so far from the query along each axis.
    """

    def __init__(
        self,
        embed_dim: int = 256,
        num_groups: int = 8,
        num_levels: int = 4,
        num_points: int = 13,
        spread_m: float = 2.0,
    ) -> None:
        super().__init__()
        if embed_dim % num_groups:
            raise ValueError(f"embed_dim {embed_dim} is not a multiple of num_groups {num_groups}")
        self.split = (num_levels, num_points, num_groups)
        self.weights_fc = nn.Linear(embed_dim, num_levels * num_points * num_groups)
        self.output_proj = nn.Linear(embed_dim, embed_dim)
        self.learnable_fc = nn.Linear(embed_dim, num_points * 3)
        self.cam_embed = nn.Sequential(
            nn.Linear(12, embed_dim // 2),
            nn.ReLU(),
            nn.Linear(embed_dim // 2, embed_dim),
            nn.ReLU(),
            nn.LayerNorm(embed_dim),
        )
        for layer in (self.output_proj, self.learnable_fc):
            nn.init.xavier_uniform_(layer.weight)
        for start in (self.weights_fc.weight, self.weights_fc.bias, self.output_proj.bias):
            nn.init.zeros_(start)
        nn.init.uniform_(self.learnable_fc.bias, -spread_m, spread_m)

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
        return self.output_proj(memory.gather(*self._look(query, memory, query_position))), None

    def weights(
        self,
        query: Float[Tensor, "B Q C"],
        memory: FeaturePyramid,
        query_position: Position,
        memory_position: Position,
        mask: Any = None,
    ) -> Float[Tensor, "B groups Q M"]:
        """How much each group of channels takes from each cell of the finest level.

        Takes what `forward` takes. The sum is less than one where a share is lost.
        """
        return memory.footprint(*self._look(query, memory, query_position))

    def _look(
        self, query: Tensor, memory: FeaturePyramid, query_position: Position
    ) -> tuple[Float[Tensor, "B N Q P 2"], Float[Tensor, "B Q N P L G"]]:
        """Where every camera sees the points of the queries, and their weights."""
        if query_position.points is None:
            raise ValueError("SampledAggregation needs queries that stand somewhere")
        offsets = self.learnable_fc(query).float().unflatten(-1, (-1, 3))  # B Q P 3
        place, _ = memory.project(query_position.points[:, :, None] + offsets)
        known = query if query_position.added is None else query + query_position.added
        return place, self.shares(known, memory.cameras)

    def shares(
        self, known: Float[Tensor, "B Q C"], cameras: Cameras
    ) -> Float[Tensor, "B Q N P L G"]:
        """The weights; absent cameras have none."""
        rows = cameras.img_from_lidar[..., :3, :].flatten(-2)  # B N 12
        seen_by = self.cam_embed(rows.to(self.weights_fc.weight.dtype))
        logits: Tensor = self.weights_fc(known[:, :, None] + seen_by[:, None]).float()
        absent = ~cameras.valid[:, None, :, None]  # B 1 N 1
        logits = logits.masked_fill(absent, torch.finfo(logits.dtype).min)
        split = (cameras.valid.shape[1], *self.split)  # N L P G
        joint = logits.view(*logits.shape[:2], -1, self.split[-1]).softmax(dim=2)
        return joint.view(*logits.shape[:2], *split).transpose(3, 4)
