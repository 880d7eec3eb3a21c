"""Motion of the camera during the exposure."""

import cv2
import numpy as np
from numpy.typing import NDArray

from drivetr.data.corruptions.colours import Image, to_bytes

_TRAILS = ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))  # radius and sigma in pixels, level 1..5


def motion_blur(image: Image, level: int, rng: np.random.Generator) -> Image:
    """Drags the image along one random direction within 45 degrees of its rows."""
    radius, sigma = _TRAILS[level - 1]
    return to_bytes(dragged(image / 255.0, radius, sigma, rng.uniform(-45, 45)))


def dragged(
    image: NDArray[np.floating], radius: int, sigma: float, angle_deg: float
) -> NDArray[np.floating]:
    """An image (H, W, ...) averaged along a trail of 2 radius + 1 pixels that fades as a Gaussian.

    As `_motion_blur` of `imagecorruptions`: the trail goes to one side only, in whole pixels, and
    the border goes on beyond the image. There the trail ends at a shift of the image's own size,
    which makes small images darker; here it does not.

    Args:
        image: any range.
        radius: half of the trail's length.
        sigma: of the Gaussian in pixels.
        angle_deg: 0 drags to the left, 90 up.
    """
    length = 2 * radius + 1
    steps = np.arange(length)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    angle = np.deg2rad(angle_deg)
    down, right = (np.ceil(steps * f(angle) - 0.5).astype(int) for f in (np.sin, np.cos))
    kernel = np.zeros((2 * length + 1, 2 * length + 1))
    np.add.at(kernel, (length + down, length + right), weights / weights.sum())
    blurred: NDArray[np.floating] = cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    return blurred
