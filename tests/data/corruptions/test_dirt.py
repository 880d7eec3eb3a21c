"""Dirt covers what it says, grows where it was, and leaves the rest of the street as it is."""

import numpy as np
import pytest

from drivetr.data.corruptions.dirt import lens_dirt

WHITE = np.full((96, 256, 3), 255, dtype=np.uint8)


def dirty(level: int, seed: int = 0) -> np.ndarray:
    """Where white is darker than the edge of a spot."""
    found = lens_dirt(WHITE, level, np.random.default_rng(seed))[..., 0] / 255
    return found < 1 - 0.45 * (1 - 0.21)


@pytest.mark.parametrize(("level", "share"), [(1, 0.1), (2, 0.25), (3, 0.45)])
def test_share(level, share):
    assert dirty(level).mean() == pytest.approx(share, abs=0.01)


def test_spots_grow_with_the_level():
    small, large = dirty(1), dirty(2)
    assert not (small & ~large).any()
    assert (dirty(2, seed=1) != large).mean() > 0.2


def test_the_clean_part_stays():
    image = lens_dirt(WHITE, 1, np.random.default_rng(0))
    assert np.median(image) >= 254
