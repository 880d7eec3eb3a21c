"""Resizing: DETR's sizes, Pillow's pixels."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from drivetr.data.image_transforms.resize import RandomResize, resized_shape
from drivetr.data.sampler import generator_from
from tests.data.image_transforms.marks import marked, read_off, told

# Of images of COCO, by facebookresearch/detr's rule: the short side becomes 800, the other is cut
# to a whole number; where it would pass 1333 the short side is rounded to fit.
KNOWN = [((480, 640), (800, 1066)), ((640, 427), (1199, 800)), ((200, 640), (417, 1334))]


@pytest.mark.parametrize(("before", "after"), KNOWN)
def test_known_sizes(before, after):
    assert resized_shape(*before, 800, 1333) == after


@given(st.integers(20, 700), st.integers(20, 700), st.sampled_from([64, 480, 800]))
def test_shape_follows_the_rule(height, width, size):
    short, long = sorted(resized_shape(height, width, size, 1333))
    fits = max(height, width) / min(height, width) * size <= 1333
    assert (short == size) if fits else (short <= size)  # just beyond the limit it rounds up
    assert long <= 1333 + max(height, width) / min(height, width)  # rounding of the short side
    if height != width:
        assert (height < width) == (resized_shape(height, width, size, 1333)[0] == short) or (
            short == long
        )


def test_no_limit():
    assert resized_shape(10, 1000, 20, None) == (20, 2000)


def test_pixels_are_pillows():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (60, 90, 3), dtype=np.uint8)
    sample = marked(60, 90, [])
    object.__setattr__(sample, "image", torch.from_numpy(pixels).permute(2, 0, 1))
    for size in (40, 80):
        after = RandomResize((size,))(sample, generator_from(0)).image
        oracle = Image.fromarray(pixels).resize(after.shape[:0:-1], Image.Resampling.BILINEAR)
        difference = after.permute(1, 2, 0).int().numpy() - np.asarray(oracle).astype(int)
        assert np.abs(difference).max() <= 1
        assert np.abs(difference).mean() < 0.01


def test_boxes_bound_the_resized_marks():
    sample = marked(30, 50, [(5, 10, 20, 25), (30, 0, 50, 30)])
    after = RandomResize((60,))(sample, generator_from(0))
    assert after.image.shape == (3, 60, 100)
    assert read_off(after)[1][1:] == [0, 100, 60]
    assert told(after)[0] == pytest.approx([10, 20, 40, 50], abs=1e-3)


def test_every_size_comes_up():
    sample = marked(10, 20, [])
    shapes = {
        RandomResize((8, 10, 12))(sample, generator_from(seed)).image.shape[1] for seed in range(60)
    }
    assert shapes == {8, 10, 12}


@pytest.mark.parametrize("wrong", [{"sizes": ()}, {"sizes": (0,)}, {"sizes": (8,), "longest": 0}])
def test_wrong_sizes(wrong):
    with pytest.raises(ValueError, match="expected pixels"):
        RandomResize(**wrong)
