"""Text on numpy canvases: glyphs by PIL in the DejaVu Sans that matplotlib carries."""

from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from drivetr.visual.palette import TEXT, Colour

Canvas = NDArray[np.uint8]
Point = tuple[float, float]


@lru_cache(maxsize=64)
def _font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name, size)


@lru_cache(maxsize=4096)
def _glyphs(text: str, size: int, bold: bool) -> NDArray[np.float32]:
    """Coverage 0..1 of a line of text; the baseline sits at the same row for every text."""
    font = _font(size, bold)
    ascent, descent = font.getmetrics()
    image = Image.new("L", (max(1, text_width(text, size, bold)), ascent + descent))
    ImageDraw.Draw(image).text((0, 0), text, font=font, fill=255)
    return np.asarray(image, dtype=np.float32) / 255.0


def text_width(text: str, size: int, bold: bool = False) -> int:
    """Width of a line of text in pixels."""
    return int(np.ceil(_font(size, bold).getlength(text)))


def fit_text(text: str, size: int, width: float, bold: bool = False) -> str:
    """The text, or as much of its beginning as fits into `width` pixels, with an ellipsis."""
    if text_width(text, size, bold) <= width:
        return text
    while text and text_width(text + "…", size, bold) > width:
        text = text[:-1]
    return text.rstrip() + "…" if text else ""


def draw_text(
    canvas: Canvas,
    at: Point,
    text: str,
    size: int,
    *,
    colour: Colour = TEXT,
    bold: bool = False,
    anchor: str = "l",
) -> float:
    """Draws a line of text whose capitals are centred vertically on `at`; returns its width.

    Args:
        canvas: RGB image, changed in place; what lies outside is cut off.
        at: x and y in pixels.
        text: one line.
        size: of the font in pixels.
        colour: RGB.
        bold: heavier cut.
        anchor: "l", "m" or "r": `at` is the left end, the middle or the right end.
    """
    glyphs = _glyphs(text, size, bold)
    _, top, _, bottom = _font(size, False).getbbox("H")
    width = glyphs.shape[1]
    x = round(at[0] - {"l": 0.0, "m": 0.5, "r": 1.0}[anchor] * width)
    blend(canvas, x, round(at[1] - (top + bottom) / 2), glyphs, colour)
    return float(width)


def blend(canvas: Canvas, x: int, y: int, coverage: NDArray[np.float32], colour: Colour) -> None:
    """Lays `colour` over the canvas with its top-left corner at (x, y); cut off at the borders."""
    height, width = canvas.shape[:2]
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + coverage.shape[1], width), min(y + coverage.shape[0], height)
    if left >= right or top >= bottom:
        return
    share = coverage[top - y : bottom - y, left - x : right - x, None]
    patch = canvas[top:bottom, left:right]
    patch[:] = np.rint(patch * (1 - share) + np.array(colour, dtype=np.float32) * share)
