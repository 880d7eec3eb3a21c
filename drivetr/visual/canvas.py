"""Antialiased lines and areas on numpy canvases, with coordinates that are real numbers.

Positions follow the camera convention: the first pixel covers [0, 1), its middle is 0.5.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from drivetr.visual.palette import Colour
from drivetr.visual.text import Canvas

_SHIFT = 4  # cv2 takes fixed-point coordinates with this many binary digits after the point


def _fixed(points: ArrayLike) -> NDArray[np.int32]:
    """Fixed-point coordinates with pixel middles at whole numbers, which is cv2's convention."""
    shifted = (np.asarray(points, dtype=np.float64) - 0.5) * (1 << _SHIFT)
    return np.rint(shifted.clip(-(2**30), 2**30)).astype(np.int32)


def blank(height: int, width: int, colour: Colour) -> Canvas:
    """A canvas of one colour."""
    return np.full((height, width, 3), colour, dtype=np.uint8)


def draw_lines(canvas: Canvas, segments: ArrayLike, colour: Colour, width: int = 1) -> None:
    """Draws segments (S, 2, 2) of x, y in pixels."""
    for start, end in _fixed(segments).reshape(-1, 2, 2).tolist():
        cv2.line(canvas, start, end, colour, width, cv2.LINE_AA, _SHIFT)


def draw_path(
    canvas: Canvas, points: ArrayLike, colour: Colour, width: int = 1, closed: bool = False
) -> None:
    """Draws a line through points (P, 2)."""
    corners = _fixed(points).reshape(-1, 1, 2)
    cv2.polylines(canvas, [corners], closed, colour, width, cv2.LINE_AA, _SHIFT)


def draw_circle(
    canvas: Canvas, center: tuple[float, float], radius: float, colour: Colour, width: int = 1
) -> None:
    """Draws a circle; a width of -1 fills it."""
    at = _fixed(center)
    scaled = round(radius * (1 << _SHIFT))
    cv2.circle(canvas, (int(at[0]), int(at[1])), scaled, colour, width, cv2.LINE_AA, _SHIFT)


def fill_polygon(canvas: Canvas, polygon: ArrayLike, colour: Colour, alpha: float = 1.0) -> None:
    """Fills a convex polygon (V, 2) with an opacity of `alpha`."""
    corners = np.asarray(polygon, dtype=np.float64)
    if len(corners) < 3 or alpha <= 0:
        return
    low = np.floor(corners.min(axis=0)).astype(int) - 1
    high = np.ceil(corners.max(axis=0)).astype(int) + 1
    left, top = low.clip(0)
    right, bottom = np.minimum(high, (canvas.shape[1], canvas.shape[0]))
    if left >= right or top >= bottom:
        return
    patch = canvas[top:bottom, left:right]
    painted = patch.copy()
    cv2.fillConvexPoly(painted, _fixed(corners - (left, top)), colour, cv2.LINE_AA, _SHIFT)
    patch[:] = painted if alpha >= 1 else cv2.addWeighted(painted, alpha, patch, 1 - alpha, 0.0)


def fill_rect(canvas: Canvas, box: Sequence[float], colour: Colour, alpha: float = 1.0) -> None:
    """Fills the pixels of left, top, right, bottom with an opacity of `alpha`."""
    left, top, right, bottom = (max(0, round(v)) for v in box)
    patch = canvas[top:bottom, left:right]
    patch[:] = np.rint(patch * (1 - alpha) + np.array(colour) * alpha)


def resize(image: Canvas, height: int, width: int) -> Canvas:
    """Resizes smoothly: by area when it shrinks, by cubic interpolation when it grows."""
    shrinks = width < image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (width, height), interpolation=method), dtype=np.uint8)
