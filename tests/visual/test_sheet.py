"""Sheets of pictures."""

import numpy as np
import pytest

from drivetr.visual.palette import PAGE, TEXT
from drivetr.visual.sheet import Cell, draw_sheet


def picture(value: int) -> np.ndarray:
    return np.full((10, 20, 3), value, dtype=np.uint8)


def test_pictures_are_there_in_order_and_keep_their_aspect():
    page = draw_sheet("", [Cell(picture(v)) for v in (50, 150, 250)], 2, 40, 40)
    for value in (50, 150, 250):
        rows, columns = np.nonzero((page == value).all(-1))
        assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (20, 40)
    centres = {v: np.argwhere((page == v).all(-1)).mean(0) for v in (50, 150, 250)}
    assert centres[50][0] == centres[150][0] < centres[250][0]
    assert centres[50][1] == centres[250][1] < centres[150][1]


def test_frame_marks_the_window():
    page = draw_sheet("", [Cell(picture(50), frame=(5, 0, 15, 10))], 1, 40, 40)
    rows, columns = np.nonzero((page == TEXT).all(-1))
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (20, 20)


def test_lines_and_title_are_drawn():
    bare = draw_sheet("", [Cell(picture(50), [("", TEXT)])], 1, 90, 40)
    told = draw_sheet("Title", [Cell(picture(50), [("text", TEXT)])], 1, 90, 40)
    assert bare.shape == told.shape
    changed = np.nonzero((bare != told).any(-1))[0]
    assert changed.min() < 36
    assert changed.max() > 76
    assert tuple(bare[0, 0]) == PAGE


def test_empty():
    with pytest.raises(ValueError, match="at least one"):
        draw_sheet("", [], 1, 40, 40)
