"""PETR's 3D position embedding (arXiv:2203.05625, sections 3.2 and 3.3), and what later papers did.

PETRv2 (arXiv:2206.01256) gates the 3D part by the features; StreamPETR (arXiv:2303.11926) does so
too, goes through the centres of the cells and leaves the sine encoding of the grid out.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from drivetr.geometry.frustum import cell_pixels, depth_bins, frustum_points
from drivetr.nn.feature_gate import FeatureGate
from drivetr.nn.mlp import mlp
from drivetr.nn.padding import padding_mask
from drivetr.nn.position import Position
from drivetr.nn.ranges import Range3D, inverse_sigmoid, unit_from_metres
from drivetr.nn.sine_position import multiview_sine, sine_of_points
from drivetr.structures.cameras import Cameras


class FrustumPositionEncoding(nn.Module):
    """Adds to every image token an embedding of the points along its ray and of its grid place.

    Points behind one pixel of each cell, at fixed depths, are written as logits of their place in a
    range and go through a small network; so does the sine encoding of camera, row and column; the
    sum of both is the token's position. Queries are embedded from the sines of their reference
    points.

    Args:
        embed_dim: width E of the tokens, a multiple of 4.
        position_range: metres; what the frustum points are normalised by, and its xmax is where
            the depths end.
        num_depths: points D along each ray.
        depth_start: first depth in metres.
        linear_increasing: depth steps that grow linearly (LID), else uniform ones.
        cell_offset: the pixel of a cell, 0 is its top-left corner, 0.5 its centre.
        sine: adds the sine encoding of camera, row and column.
        gate: lets the features weigh the 3D part, before the sine encoding is added.
    """

    depths: Tensor

    def __init__(
        self,
        embed_dim: int = 256,
        position_range: Range3D = (-61.2, -61.2, -10.0, 61.2, 61.2, 10.0),
        num_depths: int = 64,
        depth_start: float = 1.0,
        linear_increasing: bool = True,
        cell_offset: float = 0.0,
        sine: bool = True,
        gate: FeatureGate | None = None,
    ) -> None:
        super().__init__()
        self.num_feats = embed_dim // 2
        self.cell_offset = cell_offset
        self.position_range = position_range
        depths = depth_bins(num_depths, depth_start, position_range[3], linear_increasing)
        self.register_buffer("depths", depths, persistent=False)
        self.position_encoder = _pointwise(3 * num_depths, 4 * embed_dim, embed_dim)
        self.adapt_pos3d = (
            _pointwise(3 * self.num_feats, 4 * embed_dim, embed_dim) if sine else None
        )
        self.gate = gate
        self.query_embedding = mlp(3 * self.num_feats, embed_dim, embed_dim)

    def encode_keys(
        self,
        features: Float[Tensor, "B N C H W"],
        cameras: Cameras,
        points: Float[Tensor, "B N H W 3"] | None = None,
    ) -> Position:
        """Positions to add to the N * H * W image tokens; `points` are not looked at."""
        size = (features.shape[-2], features.shape[-1])
        embedded = self.position_encoder(self.frustum_logits(size, cameras).flatten(0, 1))
        if self.gate is not None:
            embedded = self.gate(embedded, features.flatten(0, 1))
        if self.adapt_pos3d is not None:
            # An absent camera keeps its place in the row, so that the others keep theirs.
            padding = padding_mask(cameras, size) & cameras.valid[..., None, None]
            embedded = embedded + self.embed_cells(padding)
        tokens = embedded.unflatten(0, features.shape[:2]).flatten(3).movedim(2, 3)  # B N H*W E
        return Position(added=tokens.flatten(1, 2))

    def encode_queries(self, reference: Float[Tensor, "B Q 3"]) -> Position:
        """Positions to add to queries whose reference points are in units of the range (0..1)."""
        return Position(added=self.query_embedding(sine_of_points(reference, self.num_feats)))

    def frustum_logits(
        self, feature_size: tuple[int, int], cameras: Cameras
    ) -> Float[Tensor, "B N 3*{len(self.depths)} H W"]:
        """Logits of the range-normalised points behind each cell; channel = depth * 3 + axis."""
        # Half precision would move far points by metres.
        with torch.autocast(cameras.img_from_lidar.device.type, enabled=False):
            uv = cell_pixels(feature_size, cameras.pad_size, self.cell_offset)
            uv = uv.to(self.depths.device)
            points = frustum_points(cameras.lidar_from_img.float(), uv, self.depths)
            logits = inverse_sigmoid(unit_from_metres(points, self.position_range))
        return logits.flatten(-2).movedim(-1, 2)

    def embed_cells(self, padding: Bool[Tensor, "B N H W"]) -> Float[Tensor, "B*N E H W"]:
        """The embedded sine encoding of camera, row and column, where there is one."""
        if self.adapt_pos3d is None:
            raise ValueError("this encoding has no sine encoding of the grid")
        embedded: Tensor = self.adapt_pos3d(multiview_sine(padding, self.num_feats).flatten(0, 1))
        return embedded


def _pointwise(in_channels: int, hidden: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, out_channels, 1)
    )
