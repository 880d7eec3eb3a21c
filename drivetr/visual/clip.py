"""What of a segment or a polygon a camera sees, cut before the division by depth.

Cutting happens in homogeneous image coordinates (u * d, v * d, d), where a straight edge stays
straight and the near plane and the four sides of the view are half-spaces. Nothing that lies behind
the near plane is projected, so an edge that passes beside or behind a camera cannot smear.
"""

import numpy as np
from numpy.typing import NDArray

NEAR_M = 0.2

FloatArray = NDArray[np.float64]


def _view_planes(height: float, width: float, near: float, margin: float) -> FloatArray:
    """(5, 4) half-spaces `a . (ud, vd, d, 1) >= 0`: near, left, right, top, bottom."""
    return np.array(
        [
            [0.0, 0.0, 1.0, -near],
            [1.0, 0.0, margin, 0.0],
            [-1.0, 0.0, width + margin, 0.0],
            [0.0, 1.0, margin, 0.0],
            [0.0, -1.0, height + margin, 0.0],
        ]
    )


def _distances(points: FloatArray, planes: FloatArray) -> FloatArray:
    return points @ planes[:, :3].T + planes[:, 3]


def clip_segments(
    segments: FloatArray, height: float, width: float, near: float = NEAR_M, margin: float = 0.0
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The visible part of segments.

    Args:
        segments: (S, 2, 3) end points (u * d, v * d, d) in pixels times metres.
        height: of the image in pixels.
        width: of the image in pixels.
        near: smallest depth in metres that is drawn.
        margin: pixels around the image that count as visible.

    Returns:
        Pixels (S, 2, 2) of the visible parts, and which segments have one (S,); the other rows
        are zeros.
    """
    planes = _view_planes(height, width, near, margin)
    first, second = np.moveaxis(_distances(segments, planes), 1, 0)  # S 5 each
    slope = second - first
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = -first / slope
    outside = (slope == 0) & (first < 0)
    start = np.where(slope > 0, crossing, np.where(outside, np.inf, 0.0)).max(axis=1)
    end = np.where(slope < 0, crossing, 1.0).min(axis=1)
    start, end = np.maximum(start, 0.0), np.minimum(end, 1.0)
    seen = start < end
    share = np.where(seen[:, None], np.stack([start, end], axis=1), 0.0)[..., None]  # S 2 1
    points = segments[:, :1] + share * (segments[:, 1:] - segments[:, :1])
    uv = np.zeros((len(segments), 2, 2))
    uv[seen] = points[seen][..., :2] / points[seen][..., 2:]
    return uv, seen


def clip_polygon(
    polygon: FloatArray, height: float, width: float, near: float = NEAR_M, margin: float = 0.0
) -> FloatArray:
    """Pixels (V, 2) of the visible part of a convex polygon; empty where nothing is seen.

    Args:
        polygon: (V, 3) corners (u * d, v * d, d); cut by Sutherland and Hodgman's method.
        height: of the image in pixels.
        width: of the image in pixels.
        near: smallest depth in metres that is drawn.
        margin: pixels around the image that count as visible.
    """
    for plane in _view_planes(height, width, near, margin):
        if len(polygon) < 3:
            break
        inside = _distances(polygon, plane[None])[:, 0]
        kept: list[FloatArray] = []
        for i, corner in enumerate(polygon):
            before = polygon[i - 1]
            if (inside[i] >= 0) != (inside[i - 1] >= 0):
                kept.append(
                    before + inside[i - 1] / (inside[i - 1] - inside[i]) * (corner - before)
                )
            if inside[i] >= 0:
                kept.append(corner)
        polygon = np.array(kept).reshape(-1, 3)
    if len(polygon) < 3:
        return np.zeros((0, 2))
    return polygon[:, :2] / polygon[:, 2:]
