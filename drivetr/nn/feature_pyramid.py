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

    def footprint(
        self, place: Float[Tensor, "B N Q P 2"], weights: Float[Tensor, "B Q N P L G"]
    ) -> Float[Tensor, "B G Q M"]:
        """How much `gather` takes from each cell: its weights, put down where it samples.

        Told in the M cells of the finest level, in the order (camera, row, column); what is taken
        from a coarser cell lies spread over the finer ones that it covers. What is sampled outside
        the images lies nowhere. Grows with Q * M: for a few chosen queries.

        Args:
            place: as for `gather`.
            weights: likewise.
        """
        (batch, num_cameras, queries, _, _), groups = place.shape, weights.shape[-1]
        finest = self.levels[0].shape[-2:]
        total = place.new_zeros(batch, groups, queries, num_cameras, *finest)
        for index, level in enumerate(self.levels):
            for camera in range(num_cameras):
                share = weights[:, :, camera, :, index].movedim(-1, 1)  # B G Q P
                where = place[:, None, camera].expand(-1, groups, -1, -1, -1)  # B G Q P 2
                cells = spread_samples(where.flatten(0, 2), share.flatten(0, 2), level.shape[-2:])
                total[:, :, :, camera] += _refined(cells, finest).view_as(total[:, :, :, camera])
        return total.flatten(3)


def sample_map(
    features: Float[Tensor, "B C H W"], place: Float[Tensor, "B Q P 2"]
) -> Float[Tensor, "B C Q P"]:
    """Features between the four nearest cells' centres, with zeros around the map.

    Args:
        features: a map.
        place: column and row, -1 and 1 being the outer edges of the first and the last cell.
    """
    return functional.grid_sample(features.to(place.dtype), place, align_corners=False)


def spread_samples(
    place: Float[Tensor, "Z P 2"], weights: Float[Tensor, "Z P"], size: tuple[int, ...]
) -> Float[Tensor, "Z H W"]:
    """What each cell counts in a weighted sum of samples: the transpose of `sample_map`.

    Args:
        place: of the samples, as `sample_map` takes them.
        weights: of the samples.
        size: rows H and columns W of the map.
    """
    with torch.enable_grad():  # the sum is linear in the map, so that its gradient is the answer
        blank = weights.new_zeros(len(place), 1, *size, requires_grad=True)
        seen = sample_map(blank, place.detach()[:, None])[:, 0, 0]  # Z P
        (cells,) = torch.autograd.grad((seen * weights.detach()).sum(), blank)
    return cells[:, 0]


def _refined(cells: Float[Tensor, "Z h w"], size: tuple[int, ...]) -> Float[Tensor, "Z H W"]:
    """The same weight in finer cells; each map keeps its sum."""
    if cells.shape[-2:] == size:
        return cells
    fine = functional.interpolate(cells[:, None], size, mode="bilinear")[:, 0]
    before, after = cells.sum((-2, -1), keepdim=True), fine.sum((-2, -1), keepdim=True)
    return fine * before / after.clamp(min=torch.finfo(fine.dtype).tiny)
