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
) -> Float[Tensor, "N G 4"]:
    """Left, top, right, bottom in pixels of the visible part of each box in each camera.

    The corners in front of the camera and the points where edges cross its near plane span what is
    seen of a box; their bounds are cut at the borders of the image. All zeros where nothing is in
    view.

    Args:
        img_from_lidar: projection of each camera.
        image_size: height and width of each image in pixels.
        boxes: in the reference frame.
    """
    corners = transform_points(img_from_lidar[:, None], box_corners(boxes).to(img_from_lidar))
    first, last = corners[:, :, torch.tensor(BOX_EDGES).T].unbind(2)  # N G 12 3 each
    share = ((_NEAR - first[..., 2]) / (last[..., 2] - first[..., 2])).nan_to_num()
    crossing = first + share[..., None] * (last - first)
    crosses = (first[..., 2] < _NEAR) != (last[..., 2] < _NEAR)
    points = torch.cat([corners, crossing], dim=2)  # N G 20 3
    seen = torch.cat([corners[..., 2] >= _NEAR, crosses], dim=2)
    uv = points[..., :2] / points[..., 2:].clamp(min=_NEAR)
    low = uv.masked_fill(~seen[..., None], torch.inf).amin(2)
    high = uv.masked_fill(~seen[..., None], -torch.inf).amax(2)
    border = image_size.flip(-1).to(uv)[:, None]  # width, height
    low, high = low.clamp(min=0).minimum(border), high.clamp(min=0).minimum(border)
    found: Bool[Tensor, "N G"] = (high > low).all(-1)
    return torch.cat([low, high], dim=-1) * found[..., None]


def best_views(views: Float[Tensor, "N G 4"]) -> tuple[Tensor, Float[Tensor, "G 4"]]:
    """For each box the camera in which it covers most pixels, and the bounds there."""
    area = (views[..., 2] - views[..., 0]) * (views[..., 3] - views[..., 1])
    camera = area.argmax(0)
    return camera, views[camera, torch.arange(views.shape[1])]
