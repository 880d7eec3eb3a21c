"""A sheet of heat maps over one image: where attention went, from a point or for a detection."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from drivetr.visual.canvas import blank, draw_circle, draw_path, resize
from drivetr.visual.palette import OTHER_COLOURS, PAGE, TEXT, Colour
from drivetr.visual.text import Canvas, draw_text, fit_text

_PANEL = 360  # pixels, the longer side of a panel
_GAP, _TITLE, _FONT = 10, 26, 14


@dataclass(frozen=True)
class AttentionPanel:
    """One map and what it belongs to.

    Attributes:
        title: what is written above it.
        weights: of the cells, row by row from the top left of the image.
        box: left, top, right, bottom of a detection in pixels of the image.
        point: x and y in pixels of the image.
    """

    title: str
    weights: Float[NDArray[np.float32], "h w"]
    box: tuple[float, float, float, float] | None = None
    point: tuple[float, float] | None = None


def attention_sheet(
    image: NDArray[np.uint8], panels: Sequence[AttentionPanel], cell_px: tuple[float, float]
) -> Canvas:
    """The image with all points and boxes, then one panel for each map.

    Args:
        image: RGB (H, W, 3).
        panels: at least one.
        cell_px: height and width of a cell in pixels of the image; cells may reach beyond its
            right and lower edge.
    """
    scale = _PANEL / max(image.shape[:2])
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    plain = resize(image, height, width)
    pictures = [("image", _overview(plain, panels, scale))]
    for number, panel in enumerate(panels):
        heat = heat_map(panel.weights, cell_px, image.shape[:2])
        picture = glow(plain, resize_map(heat, (height, width)))
        _mark(picture, panel, scale, _colour(number))
        pictures.append((panel.title, picture))
    return _arranged(pictures, (height, width))


def heat_map(
    weights: Float[NDArray[np.float32], "h w"], cell_px: tuple[float, float], size: tuple[int, ...]
) -> NDArray[np.float32]:
    """The weights of the cells as a smooth map of the image's pixels, 0 to 1.

    Args:
        weights: of the cells.
        cell_px: height and width of a cell in pixels.
        size: height and width of the image, which cuts off what the cells cover beyond it.
    """
    covered = [max(1, round(n * px)) for n, px in zip(weights.shape, cell_px, strict=True)]
    whole = resize_map(weights.astype(np.float32), (covered[0], covered[1]))
    rows, columns = (max(0, side - have) for side, have in zip(size, covered, strict=True))
    cut = np.pad(whole, ((0, rows), (0, columns)), mode="edge")[: size[0], : size[1]]
    peak = float(cut.max())
    return cut / peak if peak > 0 else cut


def resize_map(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """A map of real numbers in another height and width, bilinear."""
    resized = cv2.resize(values, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.float32)


def glow(image: Canvas, heat: NDArray[np.float32]) -> Canvas:
    """The image in grey under the heat's colours, which show where there is much of it."""
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    levels = (heat * 255).round().clip(0, 255).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    share = (0.3 + 0.6 * heat)[..., None]
    mixed = grey.astype(np.float32) * (1 - share) + colours.astype(np.float32) * share
    return np.asarray(mixed.round().clip(0, 255), dtype=np.uint8)


def _colour(number: int) -> Colour:
    return OTHER_COLOURS[number % len(OTHER_COLOURS)]


def _overview(plain: Canvas, panels: Sequence[AttentionPanel], scale: float) -> Canvas:
    picture = plain.copy()
    for number, panel in enumerate(panels):
        _mark(picture, panel, scale, _colour(number))
    return picture


def _mark(picture: Canvas, panel: AttentionPanel, scale: float, colour: Colour) -> None:
    """Draws the panel's box and point."""
    if panel.box is not None:
        left, top, right, bottom = (edge * scale for edge in panel.box)
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        draw_path(picture, corners, colour, 2, closed=True)
    if panel.point is not None:
        x, y = ((value + 0.5) * scale for value in panel.point)
        draw_circle(picture, (x, y), 6, (0, 0, 0), 4)
        draw_circle(picture, (x, y), 6, colour, 2)


def _arranged(pictures: Sequence[tuple[str, Canvas]], size: tuple[int, int]) -> Canvas:
    """Pictures of one size in rows of at most four, each below its title."""
    columns = min(4, len(pictures))
    rows = -(-len(pictures) // columns)
    height, width = size[0] + _TITLE + _GAP, size[1] + _GAP
    canvas = blank(rows * height + _GAP, columns * width + _GAP, PAGE)
    for number, (title, picture) in enumerate(pictures):
        top = _GAP + number // columns * height
        left = _GAP + number % columns * width
        text = fit_text(title, _FONT, size[1])
        draw_text(canvas, (left, top + _TITLE / 2), text, _FONT, colour=TEXT)
        canvas[top + _TITLE : top + _TITLE + size[0], left : left + size[1]] = picture
    return canvas
