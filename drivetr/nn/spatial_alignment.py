"""StreamPETR's spatial alignment: image features are told through which lens they were seen."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drivetr.geometry.camera import focal_lengths_px
from drivetr.geometry.frustum import cell_pixels, depth_bins, frustum_points
from drivetr.nn.mlp import mlp
from drivetr.nn.modulated_norm import ModulatedNorm
from drivetr.nn.ranges import Range3D, unit_from_metres
from drivetr.structures.cameras import Cameras

FocalOrder = Literal["own", "published"]
_CONE_BINS = (-1, -30)  # places, counted from the end, of the two depths on each ray
CONE_DIM = 2 + 3 * len(_CONE_BINS)


class SpatialAlignment(nn.Module):
    """Norms every token, modulated by the focal lengths and two points of its viewing ray.

    From Focal-PETR (arXiv:2212.05505); in StreamPETR's code `memory_embed`, `spatial_alignment` and
    the `cone` of `position_embeding`.

    Args:
        in_channels: width of the image features.
        embed_dim: width C of the tokens.
        position_range: metres; what the points are normalised by, and its xmax is where the depths
            end.
        num_depths: bins on each ray, at least 30, of which two are taken.
        depth_start: first depth in metres.
        focal_order: whose focal lengths a token is told. "own" are those of its camera. "published"
            repeats a slip of the published code, which the published weights were trained with:
            the token at place t of a sample gets those of camera t modulo N.
    """

    depths: Tensor

    def __init__(
        self,
        in_channels: int = 256,
        embed_dim: int = 256,
        position_range: Range3D = (-61.2, -61.2, -10.0, 61.2, 61.2, 10.0),
        num_depths: int = 64,
        depth_start: float = 1.0,
        focal_order: FocalOrder = "own",
    ) -> None:
        super().__init__()
        if num_depths < -min(_CONE_BINS):
            raise ValueError(f"num_depths is {num_depths}, expected at least {-min(_CONE_BINS)}")
        if focal_order not in ("own", "published"):
            raise ValueError(f"focal_order is {focal_order!r}, expected 'own' or 'published'")
        self.position_range = position_range
        self.focal_order = focal_order
        depths = depth_bins(num_depths, depth_start, position_range[3])[list(_CONE_BINS)]
        self.register_buffer("depths", depths, persistent=False)
        self.embed = mlp(in_channels, embed_dim, embed_dim)
        self.norm = ModulatedNorm(CONE_DIM, embed_dim)

    def forward(
        self, features: Float[Tensor, "B N C H W"], cameras: Cameras
    ) -> Float[Tensor, "B N C H W"]:
        """The features of every cell, projected, normed and modulated."""
        rows, columns = features.shape[-2:]
        tokens = self.embed(features.movedim(2, -1))  # B N H W C
        aligned: Tensor = self.norm(tokens, self.cone((rows, columns), cameras).to(tokens))
        return aligned.movedim(-1, 2)

    def cone(
        self, feature_size: tuple[int, int], cameras: Cameras
    ) -> Float[Tensor, "B N H W {CONE_DIM}"]:
        """Focal lengths (1000 px) and the two points, far one first, as shares of the range."""
        with torch.autocast(cameras.img_from_lidar.device.type, enabled=False):
            uv = cell_pixels(feature_size, cameras.pad_size, offset=0.5).to(self.depths.device)
            points = frustum_points(cameras.lidar_from_img.float(), uv, self.depths)
            points = unit_from_metres(points, self.position_range).flatten(-2)  # B N H W 6
            focal = focal_lengths_px(cameras.img_from_lidar).float() / 1000  # B N 2
        return torch.cat([self._focal_of_tokens(focal, feature_size), points], dim=-1)

    def _focal_of_tokens(
        self, focal: Float[Tensor, "B N 2"], feature_size: tuple[int, int]
    ) -> Float[Tensor, "B N H W 2"]:
        rows, columns = feature_size
        if self.focal_order == "published":
            return focal.repeat(1, rows * columns, 1).view(*focal.shape[:2], rows, columns, 2)
        return focal[:, :, None, None].expand(-1, -1, rows, columns, -1)
