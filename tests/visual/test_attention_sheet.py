"""The sheet of attention: the map lies where its cells are, every panel is there."""

import numpy as np
import pytest

from drivetr.visual.attention_sheet import AttentionPanel, attention_sheet, heat_map

IMAGE = np.full((60, 100, 3), 90, np.uint8)


def weights(row: int, column: int) -> np.ndarray:
    cells = np.zeros((4, 7), np.float32)
    cells[row, column] = 1.0
    return cells


@pytest.mark.parametrize(("row", "column"), [(0, 0), (2, 5), (3, 2)])
def test_the_heat_is_where_the_cell_is(row, column):
    """Cells of 16 pixels, the last ones reach beyond an image of 60x100."""
    heat = heat_map(weights(row, column), (16.0, 16.0), (60, 100))
    assert heat.shape == (60, 100)
    assert heat.max() == 1
    y, x = np.unravel_index(heat.argmax(), heat.shape)
    assert y // 16 == row
    assert x // 16 == column


def test_no_attention_is_dark():
    assert not heat_map(np.zeros((4, 7), np.float32), (16.0, 16.0), (60, 100)).any()


def test_a_panel_for_each_map_and_the_image():
    panels = [
        AttentionPanel("query 3: star 0.90", weights(1, 1), box=(20.0, 20.0, 40.0, 40.0)),
        AttentionPanel("encoder from 70,30", weights(2, 5), point=(70.0, 30.0)),
    ]
    one = attention_sheet(IMAGE, panels[:1], (16.0, 16.0))
    both = attention_sheet(IMAGE, panels, (16.0, 16.0))
    assert both.dtype == np.uint8
    assert both.shape[0] == one.shape[0]
    assert both.shape[1] > one.shape[1]
    rows = attention_sheet(IMAGE, panels * 3, (16.0, 16.0))
    assert rows.shape[0] > 1.8 * both.shape[0]


def test_another_map_gives_another_picture():
    first = attention_sheet(IMAGE, [AttentionPanel("a", weights(0, 0))], (16.0, 16.0))
    other = attention_sheet(IMAGE, [AttentionPanel("a", weights(3, 6))], (16.0, 16.0))
    assert first.shape == other.shape
    assert not np.array_equal(first, other)
