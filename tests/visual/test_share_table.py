"""The table of shares: bars as long as the shares, room for every camera."""

import numpy as np
import pytest

from drivetr.visual.canvas import blank
from drivetr.visual.palette import ACCENT, PANEL, mix
from drivetr.visual.share_table import PAST_COLOUR, ShareTable, draw_shares

NOW = mix(ACCENT, PANEL, 0.45)
BEFORE = mix(PAST_COLOUR, PANEL, 0.45)


def drawn(shares: np.ndarray, past: np.ndarray | None = None) -> np.ndarray:
    canvas = blank(310, 320, PANEL)
    names = [f"CAMERA {number}" for number in range(shares.shape[1])]
    steps = [0.5] * len(shares)
    draw_shares(canvas, ShareTable(names, shares, past, steps), 13)
    return canvas


def area(canvas: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((canvas == colour).all(-1).sum())


def test_bars_are_as_long_as_the_shares():
    """Four equal bars cover twice what two of them do; text hides a part of each."""
    none = area(drawn(np.zeros((1, 4))), NOW)
    quarter = area(drawn(np.full((1, 4), 0.25)), NOW)
    half = area(drawn(np.full((1, 4), 0.5)), NOW)
    assert none == 0
    assert half == pytest.approx(2 * quarter, rel=0.12)


def test_the_past_stands_behind_the_present():
    shares, past = np.full((2, 3), 0.2), np.full((2, 3), 0.4)
    canvas = drawn(shares, past)
    assert area(canvas, BEFORE) == pytest.approx(2 * area(canvas, NOW), rel=0.2)
    right = np.nonzero((canvas == NOW).all(-1).any(0))[0].min()
    assert right < np.nonzero((canvas == BEFORE).all(-1).any(0))[0].min()
    assert area(drawn(shares), BEFORE) == 0


@pytest.mark.parametrize(("layers", "cameras"), [(1, 1), (6, 6), (6, 12), (2, 20)])
def test_every_camera_has_its_place(layers, cameras):
    """The last camera's bar is inside the canvas however many there are."""
    shares = np.zeros((layers, cameras))
    shares[-1, -1] = 1.0
    assert area(drawn(shares), NOW) > 20
