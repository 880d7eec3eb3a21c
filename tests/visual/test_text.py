"""Text is measured, shortened, cut at borders and placed where it was asked for."""

import numpy as np

from drivetr.visual.text import draw_text, fit_text, text_width


def _ink(anchor: str) -> tuple[int, int, int, int]:
    canvas = np.zeros((60, 200, 3), dtype=np.uint8)
    draw_text(canvas, (100, 30), "HHHH", 20, colour=(255, 255, 255), anchor=anchor)
    rows, columns = np.nonzero(canvas.any(axis=2))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


class TestDrawText:
    def test_anchor_and_middle(self) -> None:
        width = text_width("HHHH", 20)
        for anchor, start in (("l", 100), ("m", 100 - width / 2), ("r", 100 - width)):
            left, top, right, bottom = _ink(anchor)
            assert start <= left <= start + 4
            assert start + width - 4 <= right <= start + width + 1
            assert abs((top + bottom) / 2 - 30) <= 1  # capitals are centred on the place

    def test_cut_at_every_border(self) -> None:
        for at in ((-10, 5), (195, 30), (50, -3), (50, 62), (900, 900)):
            canvas = np.zeros((60, 200, 3), dtype=np.uint8)
            draw_text(canvas, at, "Hello", 20)
            assert canvas.shape == (60, 200, 3)

    def test_nothing(self) -> None:
        canvas = np.zeros((60, 200, 3), dtype=np.uint8)
        draw_text(canvas, (10, 10), "", 20)
        assert not canvas.any()


def test_fit_text() -> None:
    assert fit_text("short", 14, 500) == "short"
    shortened = fit_text("a rather long sentence about rain", 14, 90)
    assert shortened.endswith("…")
    assert text_width(shortened, 14) <= 90
    assert fit_text("word", 14, 1) == ""
