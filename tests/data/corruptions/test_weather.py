"""Fog, snow, blur and brightness: the pixels of `imagecorruptions` from the same random numbers."""

import numpy as np
import pytest

from drivetr.data.corruptions.blur import dragged
from drivetr.data.corruptions.images import IMAGE_CORRUPTIONS
from drivetr.data.corruptions.weather import plasma
from tests.data.corruptions.peer import peer_corruption, peer_plasma

SHARED = [
    *(("motion_blur", level) for level in (2, 4, 5)),
    *(("brightness", level) for level in (2, 4, 5)),
    *(("fog", level) for level in (2, 4, 5)),
    *(("snow", level) for level in (1, 2, 3)),
]
# What imagecorruptions 1.1.2 gave for `street()` and seed 5: the mean, and the red of five pixels.
RECORDED = {
    ("motion_blur", 2): (101.00, 48, 57, 89, 151, 197),
    ("motion_blur", 4): (105.70, 46, 73, 98, 146, 198),
    ("motion_blur", 5): (107.70, 46, 77, 103, 148, 199),
    ("brightness", 2): (139.66, 60, 95, 125, 204, 214),
    ("brightness", 4): (174.26, 87, 138, 168, 222, 214),
    ("brightness", 5): (187.23, 100, 160, 189, 222, 214),
    ("fog", 2): (92.78, 31, 52, 125, 119, 114),
    ("fog", 4): (84.29, 33, 26, 122, 113, 112),
    ("fog", 5): (87.33, 44, 27, 123, 114, 116),
    ("snow", 1): (137.59, 62, 80, 115, 254, 234),
    ("snow", 2): (165.62, 77, 95, 144, 228, 255),
    ("snow", 3): (164.22, 77, 95, 131, 214, 254),
}


def street(height: int = 96, width: int = 256) -> np.ndarray:
    """A picture with slopes, edges and noise in three different colours."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:height, :width]
    slope = 200 * rows / height + 30 * ((columns // 16) % 2)
    image = slope[..., None] * [0.9, 0.7, 1.0] + rng.normal(0, 9, (height, width, 3))
    return np.clip(image, 0, 255).astype(np.uint8)


PIXELS = ((10, 20), (30, 200), (48, 128), (70, 60), (90, 250))


@pytest.mark.parametrize(("name", "level"), SHARED)
def test_what_the_package_gave(name, level):
    image = IMAGE_CORRUPTIONS[name](street(), level, np.random.default_rng(5))
    mean, *reds = RECORDED[name, level]
    assert image.mean() == pytest.approx(mean, abs=0.05)
    assert [int(image[place][0]) for place in PIXELS] == pytest.approx(reds, abs=1)


@pytest.mark.parametrize("size", [(96, 256), (97, 251)])
@pytest.mark.parametrize(("name", "level"), SHARED)
def test_the_package_itself(name, level, size):
    expected = peer_corruption(name, level, street(*size), seed=5).astype(int)
    found = IMAGE_CORRUPTIONS[name](street(*size), level, np.random.default_rng(5))
    assert np.abs(found - expected).max() <= 1  # the package rounds 76.99999 down
    assert (found != expected).mean() < 0.05


def test_clouds_of_the_package():
    expected = peer_plasma(128, 1.7, seed=3)
    np.testing.assert_allclose(plasma(128, 1.7, np.random.default_rng(3)), expected, atol=1e-12)


def test_a_point_becomes_a_trail_that_fades():
    image = np.zeros((64, 64))
    image[40, 40] = 1.0
    trail = dragged(image, radius=5, sigma=3, angle_deg=0.0)
    row = trail[40, 30:41][::-1]
    expected = np.exp(-(np.arange(11) ** 2) / 18)
    np.testing.assert_allclose(row, expected / expected.sum(), atol=1e-9)
    assert trail.sum() == pytest.approx(1.0)


def test_small_images_keep_their_light():
    image = np.full((32, 40, 3), 100, dtype=np.uint8)
    blurred = IMAGE_CORRUPTIONS["motion_blur"](image, 5, np.random.default_rng(0))
    assert np.abs(blurred.astype(int) - 100).max() <= 1


@pytest.mark.parametrize("name", ["fog", "snow", "brightness"])
def test_no_light_at_all_passes(name):
    black = np.zeros((48, 64, 3), dtype=np.uint8)
    assert IMAGE_CORRUPTIONS[name](black, 3, np.random.default_rng(0)).shape == black.shape
