"""Crops: the boxes still bound what is seen of the objects."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from drivetr.data.image_transforms.crop import RandomSizeCrop, cropped
from drivetr.data.sampler import generator_from
from tests.data.image_transforms.marks import marked, read_off, told

# Three rectangles that do not hide each other, on an image of 40x60 pixels.
CORNERS = [(0, 0, 15, 20), (20, 5, 33, 38), (40, 30, 60, 40)]


@given(
    top=st.integers(0, 39),
    left=st.integers(0, 59),
    height=st.integers(1, 40),
    width=st.integers(1, 60),
)
def test_boxes_bound_what_is_seen(top, left, height, width):
    sample = marked(40, 60, CORNERS)
    height, width = min(height, 40 - top), min(width, 60 - left)
    after = cropped(sample, top, left, height, width)
    assert after.image.shape == (3, height, width)
    assert after.original_size == sample.original_size
    seen = read_off(after)
    assert told(after).keys() == seen.keys()
    for label, corners in told(after).items():
        assert corners == pytest.approx(seen[label], abs=1e-3)


def test_a_box_that_only_touches_is_dropped():
    after = cropped(marked(40, 60, CORNERS), 0, 15, 40, 5)  # right of the first, left of the second
    assert len(after.targets) == 0
    assert after.targets.boxes.shape == (0, 4)


def test_without_boxes_and_without_truth():
    after = cropped(marked(40, 60, []), 3, 4, 10, 12)
    assert after.targets.boxes.shape == (0, 4)
    assert after.targets.labels.dtype == torch.int64
    blind = marked(40, 60, CORNERS)
    object.__setattr__(blind, "targets", None)
    assert cropped(blind, 3, 4, 10, 12).targets is None


class TestRandomSizeCrop:
    def test_every_size_and_place_comes_up(self):
        sample = marked(12, 14, [])
        sizes, corners = set(), set()
        sample.image[0] = torch.arange(12)[:, None] * 14 + torch.arange(14)
        for seed in range(600):
            image = RandomSizeCrop(10, 12)(sample, generator_from(seed)).image
            sizes.add(tuple(image.shape[1:]))
            corners.add(divmod(int(image[0, 0, 0]), 14))
        assert sizes == {(h, w) for h in (10, 11, 12) for w in (10, 11, 12)}
        assert corners == {(top, left) for top in range(3) for left in range(5)}

    def test_an_image_smaller_than_the_crop(self):
        sample = marked(5, 30, [(0, 0, 5, 5)])
        assert RandomSizeCrop(10, 20)(sample, generator_from(0)).image.shape[1] == 5
