"""Pictures of shapes: the truth is where the pixels are, and chance comes from the seed alone."""

import numpy as np
import pytest

from drivetr.data.shapes import draw
from drivetr.data.shapes.draw import OUTLINES, SHAPES, draw_picture


def picture(seed: int, size: int = 96, most: int = 6):
    return draw_picture(np.random.default_rng(seed), size, most)


def test_the_seed_decides():
    first, again, other = picture(3), picture(3), picture(4)
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.boxes, again.boxes)
    assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize("seed", range(8))
def test_boxes_lie_inside_and_apart(seed):
    found = picture(seed)
    assert 1 <= len(found.boxes) <= 6
    assert found.boxes.min() >= 0
    assert found.boxes.max() <= 96
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()
    for i, one in enumerate(found.boxes):
        for other in found.boxes[i + 1 :]:
            overlap = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
            assert overlap.min() <= 0


@pytest.mark.parametrize("shape", SHAPES)
def test_a_box_holds_just_the_pixels_of_its_shape(shape, monkeypatch):
    """On a black ground without lines and noise the box is found again from the pixels."""
    monkeypatch.setattr(draw, "OUTLINES", dict.fromkeys(SHAPES, OUTLINES[shape]))
    monkeypatch.setattr(draw, "_ground", lambda rng, size: np.zeros((size, size, 3), np.uint8))
    for seed in range(5):
        found = picture(seed, size=200)
        ink = found.image.max(axis=2) > 128
        for left, top, right, bottom in found.boxes:
            mask = np.zeros_like(ink)
            mask[int(top) : int(bottom) + 1, int(left) : int(right) + 1] = True
            rows, columns = np.nonzero(ink & mask)
            seen = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
            assert np.abs(np.array(seen) - (left, top, right, bottom)).max() < 2.6


def test_every_shape_has_a_copy_that_looks_the_same():
    """Most shapes of a picture are of a kind that is there more than once."""
    repeated = 0
    total = 0
    for seed in range(40):
        labels = picture(seed).labels.tolist()
        repeated += sum(labels.count(label) > 1 for label in labels)
        total += len(labels)
    assert repeated / total > 0.8
