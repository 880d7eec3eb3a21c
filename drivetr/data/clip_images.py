"""What CLIP's image tower is given: square windows of images, resized and normalised."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torchvision.transforms.functional import InterpolationMode, resized_crop

# Of openai/CLIP, in 0..1.
_MEAN = (0.48145466, 0.4578275, 0.40821073)
_STD = (0.26862954, 0.26130258, 0.27577711)


def square_window(
    image: UInt8[Tensor, "3 H W"], bounds: Sequence[float], size: int, margin: float = 0.0
) -> UInt8[Tensor, "3 S S"]:
    """The square around a rectangle, with what lies beside a narrow object; black past the border.

    Args:
        image: RGB.
        bounds: left, top, right, bottom in pixels.
        size: side of the result in pixels.
        margin: share of the longer side that is added to it.
    """
    left, top, right, bottom = bounds
    side = max(1, round((1 + margin) * max(right - left, bottom - top)))
    row, column = round((top + bottom - side) / 2), round((left + right - side) / 2)
    window: Tensor = resized_crop(
        image, row, column, side, side, [size, size], InterpolationMode.BICUBIC, antialias=True
    )
    return window


def normalised(windows: UInt8[Tensor, "B 3 S S"]) -> Float[Tensor, "B 3 S S"]:
    """Pixels of 0..255 as CLIP was trained on them."""
    mean, std = (torch.tensor(values)[:, None, None] * 255 for values in (_MEAN, _STD))
    return (windows.float() - mean) / std
