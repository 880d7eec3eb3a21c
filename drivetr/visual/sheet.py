"""A sheet of pictures with lines of text below each."""

from collections.abc import Sequence
from dataclasses import dataclass

from drivetr.visual.canvas import blank, fill_rect, resize
from drivetr.visual.palette import PAGE, PANEL, TEXT, Colour
from drivetr.visual.text import Canvas, draw_text, fit_text

_FONT, _GAP = 13, 8  # pixels
_LINE = _FONT + 5


@dataclass(frozen=True)
class Cell:
    """One picture of a sheet.

    Attributes:
        image: RGB (H, W, 3), shown as large as the cell allows.
        lines: text and its colour.
        frame: left, top, right, bottom in pixels of the image that is marked, if any.
    """

    image: Canvas
    lines: Sequence[tuple[str, Colour]] = ()
    frame: tuple[float, float, float, float] | None = None


def draw_sheet(
    title: str, cells: Sequence[Cell], columns: int, cell_width: int, cell_height: int
) -> Canvas:
    """A page of cells, row by row; a picture keeps its aspect within its cell.

    Args:
        title: line above all.
        cells: at least one.
        columns: cells in a row.
        cell_width: of the pictures in pixels.
        cell_height: of the pictures in pixels.

    Raises:
        ValueError: there are no cells.
    """
    if not cells:
        raise ValueError("a sheet needs at least one cell")
    lines = max(len(cell.lines) for cell in cells)
    step = (cell_height + lines * _LINE + 2 * _GAP, cell_width + _GAP)
    columns = min(columns, len(cells))
    rows = -(-len(cells) // columns)
    top = 2 * _LINE
    page = blank(top + rows * step[0] + _GAP, columns * step[1] + _GAP, PAGE)
    words = fit_text(title, _FONT + 3, page.shape[1] - 2 * _GAP, bold=True)
    draw_text(page, (_GAP, top / 2), words, _FONT + 3, bold=True)
    for number, cell in enumerate(cells):
        row, column = divmod(number, columns)
        at = (_GAP + column * step[1], top + row * step[0])
        _draw_cell(page, cell, at, cell_width, cell_height)
    return page


def _draw_cell(page: Canvas, cell: Cell, at: tuple[int, int], width: int, height: int) -> None:
    left, top = at
    fill_rect(page, (left, top, left + width, top + height), PANEL)
    scale = min(height / cell.image.shape[0], width / cell.image.shape[1])
    size = [max(1, round(side * scale)) for side in cell.image.shape[:2]]
    picture = resize(cell.image, size[0], size[1])
    if cell.frame is not None:
        _mark(picture, [value * scale for value in cell.frame])
    row, column = top + (height - size[0]) // 2, left + (width - size[1]) // 2
    page[row : row + size[0], column : column + size[1]] = picture
    for number, (text, colour) in enumerate(cell.lines):
        middle = top + height + (number + 0.8) * _LINE
        draw_text(page, (left, middle), fit_text(text, _FONT, width), _FONT, colour=colour)


def _mark(picture: Canvas, box: Sequence[float]) -> None:
    """A thin frame."""
    left, top, right, bottom = box
    for edge in (
        (left, top, right, top + 2), (left, bottom - 2, right, bottom),
        (left, top, left + 2, bottom), (right - 2, top, right, bottom),
    ):  # fmt: skip
        fill_rect(picture, edge, TEXT)
