"""The part of an image that a 3D box covers."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from drivetr.geometry.boxes import BOX_EDGES, box_corners
from drivetr.geometry.rigid import transform_points

_NEAR = 0.1  # metres: what is nearer to the camera is cut off before it is projected


def image_boxes(
    img_from_lidar: Float[Tensor, "N 4 4"],
    image_size: Int[Tensor, "N 2"],
    boxes: Float[Tensor, "G 10"],
) -> tuple[Float[Tensor, "N G 4"], Float[Tensor, "N G"]]:
    """Left, top, right, bottom in pixels of the visible part of each box in each camera.

    The corners in front of the camera and the points where edges cross its near plane span what is
    seen of a box; their bounds are cut at the borders of the image.

    Args:
        img_from_lidar: projection of each camera.
        image_size: height and width of each image in pixels.
        boxes: in the reference frame.

    Returns:
        the bounds, all zeros where nothing is in view; and their area as a share of what it was
        before it was cut.
    """
    low, high = _spans(img_from_lidar, boxes)
    border = image_size.flip(-1).to(low)[:, None]  # width, height
    cut_low, cut_high = low.clamp(min=0).minimum(border), high.clamp(min=0).minimum(border)
    found: Bool[Tensor, "N G"] = (cut_high > cut_low).all(-1)
    share = ((cut_high - cut_low) / (high - low)).prod(-1)
    bounds = torch.cat([cut_low, cut_high], dim=-1)
    return bounds * found[..., None], share.where(found, 0.0)


def _spans(
    img_from_lidar: Float[Tensor, "N 4 4"], boxes: Float[Tensor, "G 10"]
) -> tuple[Float[Tensor, "N G 2"], Float[Tensor, "N G 2"]]:
    """Upper left and lower right of what is before each camera; infinite where nothing is."""
    corners = transform_points(img_from_lidar[:, None], box_corners(boxes).to(img_from_lidar))
    first, last = corners[:, :, torch.tensor(BOX_EDGES).T].unbind(2)  # N G 12 3 each
    share = ((_NEAR - first[..., 2]) / (last[..., 2] - first[..., 2])).nan_to_num()
    crossing = first + share[..., None] * (last - first)
    crosses = (first[..., 2] < _NEAR) != (last[..., 2] < _NEAR)
    points = torch.cat([corners, crossing], dim=2)  # N G 20 3
    seen = torch.cat([corners[..., 2] >= _NEAR, crosses], dim=2)
    uv = points[..., :2] / points[..., 2:].clamp(min=_NEAR)
    low = uv.masked_fill(~seen[..., None], torch.inf).amin(2)
    return low, uv.masked_fill(~seen[..., None], -torch.inf).amax(2)


def hull_bounds(
    img_from_lidar: Float[Tensor, "N 4 4"],
    image_size: Int[Tensor, "N 2"],
    corners: Float[Tensor, "G P 3"],
) -> Float[Tensor, "N G 4"]:
    """Left, top, right, bottom in pixels of each box as nuScenes' devkit annotates it in 2D.

    These are the bounds of that part of the hull around the projected corners that is within the
    image, as `export_2d_annotations_as_json` has them and detectors are trained on. `image_boxes`
    cuts the bounds of the hull instead, and sees also what is between the corners before and
    behind a camera, which are left out here.

    Args:
        img_from_lidar: projection of each camera.
        image_size: height and width of each image in pixels.
        corners: of the boxes, in the reference frame.

    Returns:
        the bounds, all zeros where nothing is in the image.
    """
    points = transform_points(img_from_lidar[:, None], corners.to(img_from_lidar))
    front = points[..., 2] > 0
    uv = points[..., :2] / points[..., 2:].where(front[..., None], 1.0)
    border = image_size.flip(-1).to(uv)[:, None]  # width, height
    # A hull has no gaps: cutting the range of one coordinate by the image's is exact once only that
    # part of the hull is looked at whose other coordinate is in the image.
    ranges = [_range_within(uv.roll(-axis, -1), front, border[..., 1 - axis]) for axis in (0, 1)]
    low, high = torch.stack(ranges, dim=-2).unbind(-1)  # N G 2 each
    found = (low <= border).all(-1) & (high >= 0).all(-1)
    bounds = torch.cat([low.clamp(min=0), high.minimum(border)], dim=-1)
    return bounds.where(found[..., None], 0.0)


def _range_within(
    points: Float[Tensor, "N G P 2"], known: Bool[Tensor, "N G P"], limit: Float[Tensor, "N 1"]
) -> Float[Tensor, "N G 2"]:
    """Least and largest first coordinate of a hull's part whose second one is in 0..limit.

    The corners of that part are known points, or where a line between two of them leaves it.
    """
    pairs = torch.combinations(torch.arange(points.shape[2]))
    (start, other_start), (end, other_end) = (points[:, :, i].unbind(-1) for i in pairs.T)
    both = known[:, :, pairs].all(-1)
    within = known & (points[..., 1] >= 0) & (points[..., 1] <= limit[..., None])
    values, counts = [points[..., 0]], [within]
    for edge in (torch.zeros_like(limit)[..., None], limit[..., None]):
        share = (edge - other_start) / (other_end - other_start)
        values.append(start + share * (end - start))
        counts.append(both & ((other_start < edge) != (other_end < edge)))
    every, count = torch.cat(values, dim=-1), torch.cat(counts, dim=-1)
    low = every.masked_fill(~count, torch.inf).amin(-1)
    return torch.stack([low, every.masked_fill(~count, -torch.inf).amax(-1)], dim=-1)


def best_views(views: Float[Tensor, "N G 4"]) -> Int[Tensor, "G"]:
    """For each box the camera in which it covers most pixels."""
    area = (views[..., 2] - views[..., 0]) * (views[..., 3] - views[..., 1])
    return area.argmax(0)
