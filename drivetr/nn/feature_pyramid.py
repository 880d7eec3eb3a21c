"""The images of all cameras as maps of several sizes, and what stands there for points in space."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from drivetr.geometry.camera import project_points
from drivetr.structures.cameras import Cameras

_NEAREST_M = 1e-5  # depth that a point needs to be in front of a camera


@dataclass(frozen=True)
class FeaturePyramid:
    """Feature maps of N cameras, to be sampled where a camera sees a point.

    Attributes:
        levels: maps of L strides, finest first, rows and columns of each its own.
        cameras: that saw them.
    """

    levels: Sequence[Float[Tensor, "B N C _ _"]]
    cameras: Cameras

    def project(
        self, points: Float[Tensor, "B Q P 3"]
    ) -> tuple[Float[Tensor, "B N Q P 2"], Bool[Tensor, "B N Q P"]]:
        """Where every camera sees points (metres of the reference frame).

        Returns:
            column and row from -1 to 1 across the network's input, padding included, as
            `torch.nn.functional.grid_sample` counts them; and whether a point is in front of the
            camera and strictly inside. Behind a camera the place is far outside or means nothing.
        """
        with torch.autocast(points.device.type, enabled=False):  # a pixel is 1/1600 of an image
            img_from_lidar = self.cameras.img_from_lidar.float()[:, :, None]  # B N 1 4 4
            uv, depth = project_points(img_from_lidar, points.float()[:, None], _NEAREST_M)
            height, width = self.cameras.pad_size
            place = (uv / uv.new_tensor([width, height]) - 0.5) * 2
        inside = (place.abs() < 1).all(-1) & (depth > _NEAREST_M)
        return place, inside & self.cameras.valid[..., None, None]

    def gather(
        self, place: Float[Tensor, "B N Q P 2"], weights: Float[Tensor, "B Q N P L G"]
    ) -> Float[Tensor, "B Q C"]:
        """Weighted sums of what stands at P places of every camera and level.

        One camera of one level at a time: at no moment is there more than Q * P samples.

        Args:
            place: from `project`.
            weights: of cameras, places and levels for each of G equal groups of channels.
        """
        (batch, num_cameras, queries, _, _), groups = place.shape, weights.shape[-1]
        total = place.new_zeros(batch, queries, groups, 1)
        for index, level in enumerate(self.levels):
            for camera in range(num_cameras):
                sampled = sample_map(level[:, camera], place[:, camera])  # B C Q P
                grouped = sampled.view(batch, groups, -1, *sampled.shape[2:])  # B G D Q P
                share = weights[:, :, camera, :, index].to(grouped)  # B Q P G
                total = total + torch.einsum("bgdqp,bqpg->bqgd", grouped, share)
        return total.flatten(2)


def sample_map(
    features: Float[Tensor, "B C H W"], place: Float[Tensor, "B Q P 2"]
) -> Float[Tensor, "B C Q P"]:
    """Features between the four nearest cells' centres, with zeros around the map.

    Args:
        features: a map.
        place: column and row, -1 and 1 being the outer edges of the first and the last cell.
    """
    return functional.grid_sample(features.to(place.dtype), place, align_corners=False)
