"""Dirt on a lens."""

import cv2
import numpy as np

from drivetr.data.corruptions.colours import Image, to_bytes

_COVERED = (0.1, 0.25, 0.45)  # share of the image by level 1..3
_MUD = (0.21, 0.18, 0.14)
_THICKNESS = 0.9  # of the mud where it is thickest
_SOFT = 0.25  # width of the spots' edges
_COARSE = 128  # columns that the spots are drawn in
_SPOT = 5.0  # size of the spots in these
_DEFOCUS = 0.01  # of the street behind the dirt, against the image's width


def lens_dirt(image: Image, level: int, rng: np.random.Generator) -> Image:
    """Lays soft brown spots over a share of the image, which is out of focus around them.

    The spots are where a smooth random field is highest, so that dirt of a higher level grows out
    of that of a lower one. A definition of drivetr's own.
    """
    height, width = image.shape[:2]
    coarse = (max(2, round(_COARSE * height / width)), _COARSE)
    field = cv2.GaussianBlur(rng.normal(size=coarse), (0, 0), _SPOT)
    field = cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC)
    edge = np.quantile(field, 1 - _COVERED[level - 1])
    cover = 1 / (1 + np.exp((edge - field) / (_SOFT * field.std())))[..., None]  # half at the edge
    pixels = image.astype(np.float32) / 255
    defocused = cv2.GaussianBlur(pixels, (0, 0), _DEFOCUS * width)
    blurred = pixels + np.sqrt(cover) * (defocused - pixels)
    return to_bytes(blurred + _THICKNESS * cover * (np.array(_MUD) - blurred))
