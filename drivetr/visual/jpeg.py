"""Pictures as JPEG, at the size in which they are shown."""

import io

import cv2
from PIL import Image

from drivetr.visual.text import Canvas

QUALITY = 80  # a street at 800x450 has about 50 kB


def shrink(image: Canvas, width: int) -> Canvas:
    """An RGB picture (H, W, 3) of this width at most, in its proportions."""
    height, full_width = image.shape[:2]
    if full_width <= width:
        return image
    size = (width, max(1, round(height * width / full_width)))
    smaller: Canvas = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return smaller


def encode_jpeg(image: Canvas, quality: int = QUALITY) -> bytes:
    """An RGB picture as the bytes of a JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="JPEG", quality=quality)
    return buffer.getvalue()
