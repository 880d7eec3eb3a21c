"""Which camera carried how much of the weight, layer by layer, as a small table of bars."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivetr.visual.canvas import fill_rect
from drivetr.visual.palette import ACCENT, HAIRLINE, MUTED, PANEL, TEXT, mix
from drivetr.visual.text import Canvas, draw_text, fit_text

PAST_COLOUR = (81, 185, 252)
_MOST_ROW, _LABEL_SHARE = 34, 0.34

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class ShareTable:
    """What the table tells.

    Attributes:
        names: of the cameras.
        shares: (L, N) from 0 to 1.
        past: (L, N) of the cameras' earlier images, drawn behind the others and counted with them.
        steps_m: metres that each layer moved the box.
    """

    names: Sequence[str]
    shares: FloatArray
    past: FloatArray | None
    steps_m: Sequence[float]


def draw_shares(canvas: Canvas, table: ShareTable, font: int) -> None:
    """Draws one row a camera and one column a layer, and a row of the steps.

    Args:
        canvas: of the table, changed in place.
        table: what it tells.
        font: size of the text in pixels.
    """
    layers, count = table.shares.shape
    height, width = canvas.shape[:2]
    label = round(width * _LABEL_SHARE)
    column = (width - label) / max(1, layers)
    head = 3 * font
    row = min(_MOST_ROW, (height - head - (0 if table.past is None else font)) // (count + 1))
    middles = [label + (layer + 0.5) * column - 2 for layer in range(layers)]

    def words_in(y: float, first: str, others: Sequence[str]) -> None:
        draw_text(canvas, (0, y), fit_text(first, font - 2, label - 4), font - 2, colour=MUTED)
        for middle, words in zip(middles, others, strict=True):
            draw_text(canvas, (middle, y), words, font - 2, colour=MUTED, anchor="m")

    draw_text(canvas, (0, font / 2 + 1), "weight of each camera in %", font, colour=TEXT)
    words_in(2 * font + 1, "layer", [str(layer) for layer in range(layers)])
    for camera, name in enumerate(table.names):
        top = head + camera * row
        words_in(top + row / 2 - 2, name, [""] * layers)
        for layer in range(layers):
            left = round(label + layer * column)
            cell = (left, top, round(left + column - 4), top + row - 4)
            parts = [table.shares[layer, camera]]
            parts += [] if table.past is None else [table.past[layer, camera]]
            _draw_cell(canvas, cell, parts, font)
    words_in(head + (count + 0.5) * row, "box moved, m", [f"{step:.2f}" for step in table.steps_m])
    if table.past is not None:
        below = head + (count + 1) * row + font / 2
        words = "yellow: images of now, blue: of before"
        draw_text(canvas, (0, below), words, font - 2, colour=MUTED)


def _draw_cell(
    canvas: Canvas, cell: tuple[int, int, int, int], parts: Sequence[float], font: int
) -> None:
    """A bar whose parts stand one behind the other, and the percentage of them all."""
    left, top, right, bottom = cell
    fill_rect(canvas, cell, mix(HAIRLINE, PANEL, 0.4))
    at = float(left)
    for part, colour in zip(parts, (ACCENT, PAST_COLOUR), strict=False):
        end = at + part * (right - left)
        fill_rect(canvas, (at, top, end, bottom), mix(colour, PANEL, 0.45))
        at = end
    words = f"{100 * sum(parts):.0f}"
    draw_text(canvas, ((left + right) / 2, (top + bottom) / 2), words, font - 2, anchor="m")
