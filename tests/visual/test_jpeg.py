"""Pictures as JPEG."""

import io

import numpy as np
from PIL import Image

from drivetr.visual.jpeg import encode_jpeg, shrink


def test_a_slope_comes_back() -> None:
    image = np.stack([np.tile(np.arange(0, 256, 2, np.uint8), (64, 1))] * 3, axis=-1)
    image[..., 2] = 200  # blue, so that swapped colours show
    back = np.asarray(Image.open(io.BytesIO(encode_jpeg(image))))
    assert back.shape == image.shape
    assert np.abs(back.astype(int) - image).max() < 12


def test_shrinking_averages_and_keeps_proportions() -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 100, 3), np.uint8)
    small = shrink(image, 50)
    blocks = image.reshape(30, 2, 50, 2, 3).mean(axis=(1, 3))
    assert small.shape == (30, 50, 3)
    assert np.abs(small - blocks).max() <= 0.5
    assert shrink(image, 100) is image
    assert shrink(image, 33).shape == (20, 33, 3)
    assert shrink(image[:1], 20).shape == (1, 20, 3)
