"""Fog and snow, as `imagecorruptions` 1.1 draws them (Hendrycks and Dietterich, ICLR 2019).

Random numbers are drawn in that package's order: with the same ones the pixels are the same.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom

from drivetr.data.corruptions.blur import dragged
from drivetr.data.corruptions.colours import Image, to_bytes

_FOGS = ((1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4))  # thickness, decay
# Mean and deviation of the noise, enlargement, threshold, radius and sigma of the fall, and how
# much of the street's own colours is left.
_SNOWS = (
    (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
    (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
    (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
    (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
    (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
)


def fog(image: Image, level: int, rng: np.random.Generator) -> Image:
    """Adds clouds and dims, so that the brightest pixel stays as bright."""
    thickness, decay = _FOGS[level - 1]
    height, width = image.shape[:2]
    clouds = plasma(1 << (max(height, width) - 1).bit_length(), decay, rng)[:height, :width, None]
    pixels = image / 255.0
    brightest = pixels.max()
    return to_bytes((pixels + thickness * clouds) * brightest / (brightest + thickness))


def plasma(size: int, decay: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """A cloudy texture (size, size) within 0..1 by the diamond-square algorithm on a torus.

    Args:
        size: a power of two.
        decay: what the randomness is divided by from scale to scale; less is rougher.
        rng: draws.
    """
    field = np.zeros((size, size))
    step, swing = size, 100.0

    def wavering(total: NDArray[Any]) -> NDArray[np.float64]:
        return total / 4 + swing * rng.uniform(-swing, swing, total.shape)

    while step >= 2:
        half = step // 2
        corners = field[::step, ::step]
        rows = corners + np.roll(corners, -1, axis=0)
        middles = wavering(rows + np.roll(rows, -1, axis=1))
        field[half::step, half::step] = middles
        for axis, edge in ((0, field[::step, half::step]), (1, field[half::step, ::step])):
            across = middles + np.roll(middles, 1, axis=axis)
            edge[:] = wavering(across + corners + np.roll(corners, -1, axis=1 - axis))
        step, swing = half, swing / decay
    field -= field.min()
    highest = field.max()
    return field / highest if highest > 0 else field


def snow(image: Image, level: int, rng: np.random.Generator) -> Image:
    """Pales the street and lets streaks fall from both sides."""
    mean, deviation, enlargement, threshold, radius, sigma, kept = _SNOWS[level - 1]
    height, width = image.shape[:2]
    flakes = enlarged_middle(rng.normal(mean, deviation, (height, width)), enlargement)
    flakes[flakes < threshold] = 0
    fall = rng.uniform(-135, -45)
    streaks = dragged(np.clip(flakes, 0.0, 1.0), int(radius), sigma, fall)
    streaks = (np.round(streaks * 255) / 255)[:height, :width, None]
    pixels = image.astype(np.float32) / 255
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None]
    pale = kept * pixels + (1 - kept) * np.maximum(pixels, grey * 1.5 + 0.5)
    return to_bytes(pale + streaks + streaks[::-1, ::-1])


def enlarged_middle(field: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """The middle part of a field (H, W), enlarged to at least its size by linear interpolation."""
    sides = [int(np.ceil(side / factor)) for side in field.shape]
    starts = [(side - part) // 2 for side, part in zip(field.shape, sides, strict=True)]
    top, left = starts
    middle: NDArray[np.float64] = zoom(
        field[top : top + sides[0], left : left + sides[1]], factor, order=1
    )
    return middle
