"""Colours: posterised as Pillow does, dark with the noise that the formula says."""

import numpy as np
import pytest
from PIL import Image, ImageOps
from scipy.stats import norm, poisson

from drivetr.data.corruptions.colours import brightness, color_quant, low_light
from tests.data.corruptions.test_weather import street

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_as_many_bits_as_pillow_keeps(level):
    expected = np.asarray(ImageOps.posterize(Image.fromarray(street()), 5 - level))
    np.testing.assert_array_equal(color_quant(street(), level, RNG), expected)


def test_brighter_keeps_hue_and_saturation():
    image = np.full((2, 2, 3), (100, 50, 25), dtype=np.uint8)
    found = brightness(image, 2, RNG)[0, 0].astype(float)
    assert found[0] == pytest.approx(100 + 0.2 * 255, abs=1)
    np.testing.assert_allclose(found / found[0], [1.0, 0.5, 0.25], atol=0.01)


@pytest.mark.parametrize(
    ("level", "white", "photons", "read_noise"),
    [(2, 0.4, 120, 0.018), (3, 0.3, 50, 0.026), (4, 0.2, 30, 0.038)],
)
def test_mean_and_spread_of_the_dark(level, white, photons, read_noise):
    half = np.full((500, 500, 3), 128, dtype=np.uint8)
    half[0, 0], half[0, 1] = 0, 255  # darkest and brightest
    found = low_light(half, level, np.random.default_rng(1))[2:] / 255.0
    # A Gaussian around every number of photons, of which what is negative becomes zero.
    counts = np.arange(200)
    weights = poisson.pmf(counts, white * (128 / 255) ** 2 * photons)
    seen, place = counts / photons, counts / photons / read_noise
    mean = weights @ (seen * norm.cdf(place) + read_noise * norm.pdf(place))
    square = weights @ (
        (seen**2 + read_noise**2) * norm.cdf(place) + seen * read_noise * norm.pdf(place)
    )
    assert found.mean() == pytest.approx(mean - 0.5 / 255, abs=0.0005)  # rounded down
    assert found.std() == pytest.approx(np.sqrt(square - mean**2), rel=0.02)


def test_a_picture_of_one_colour_is_the_dark_itself():
    grey = np.full((50, 50, 3), 128, dtype=np.uint8)
    assert low_light(grey, 2, np.random.default_rng(0)).mean() < 3
