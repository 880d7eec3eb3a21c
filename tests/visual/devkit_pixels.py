"""Where nuscenes-devkit draws the corners of boxes: the oracle for pictures of real keyframes."""

from typing import Any

import numpy as np

# Where a corner of `drivetr.geometry.boxes` stands in the devkit's order.
DEVKIT_CORNERS = [3, 7, 6, 2, 0, 4, 5, 1]


def devkit_corners(devkit: Any, token: str, channel: str) -> np.ndarray:
    """(B, 8, 2) pixels of all annotations, in the order of corners that drivetr has."""
    from nuscenes.utils.geometry_utils import BoxVisibility, view_points

    data = devkit.get("sample", token)["data"][channel]
    _, boxes, intrinsic = devkit.get_sample_data(data, box_vis_level=BoxVisibility.NONE)
    pixels = [view_points(box.corners(), intrinsic, normalize=True)[:2].T for box in boxes]
    return np.stack(pixels)[:, DEVKIT_CORNERS]
