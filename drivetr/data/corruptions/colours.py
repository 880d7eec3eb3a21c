"""Too bright, too dark, too few colours."""

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

Image = UInt8[np.ndarray, "H W 3"]

_BRIGHTER = (0.1, 0.2, 0.3, 0.4, 0.5)  # added to the value of HSV, by level 1..5
_DARKEST = (0.6, 0.5, 0.4, 0.3, 0.2)  # what white becomes in the dark, by level 0..4
_PHOTONS = (600, 250, 120, 50, 30)  # that white would be made of
_READ_NOISE = (0.008, 0.012, 0.018, 0.026, 0.038)  # standard deviation


def brightness(image: Image, level: int, rng: np.random.Generator) -> Image:
    """Raises the value of HSV and keeps hue and saturation, as `imagecorruptions` does."""
    pixels = image / 255.0
    value = pixels.max(axis=2, keepdims=True)
    brighter = np.minimum(value + _BRIGHTER[level - 1], 1.0)
    # Channels scale with the value; black, which has no hue, becomes grey.
    scaled = np.divide(pixels, value, out=np.ones_like(pixels), where=value > 0)
    return to_bytes(scaled * brighter)


def color_quant(image: Image, level: int, rng: np.random.Generator) -> Image:
    """Keeps the highest 5 - level bits of each channel (RoboBEV)."""
    return image & np.uint8(256 - (1 << (3 + level)))


def low_light(image: Image, level: int, rng: np.random.Generator) -> Image:
    """Squares the contrast, dims, and adds the noise of few photons and of reading (RoboBEV).

    RoboBEV counts the levels of this one from 0.
    """
    pixels = image / 255.0
    darkest, span = pixels.min(), np.ptp(pixels)
    dim = _DARKEST[level] * ((pixels - darkest) / (span or 1.0)) ** 2
    photons = _PHOTONS[level]
    seen = np.clip(rng.poisson(dim * photons) / photons, 0.0, 1.0)
    return to_bytes(seen + rng.normal(scale=_READ_NOISE[level], size=seen.shape))


def to_bytes(pixels: NDArray[np.floating]) -> Image:
    """0..1 as 0..255, rounded down as `imagecorruptions` does; what lies outside is clipped."""
    # A product of exact grey levels may end just below a whole number.
    return (np.clip(pixels, 0.0, 1.0) * 255 + 1e-6).astype(np.uint8)
