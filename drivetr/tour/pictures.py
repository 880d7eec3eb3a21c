"""Pictures inside a part's data: as PNG in base64, which JSON can hold."""

import base64
import io

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image


def picture_text(image: torch.Tensor) -> str:
    """An RGB image (3,H,W) of 0..255 as text."""
    file = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).to(torch.uint8).numpy()).save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode("ascii")


def picture_from(text: str) -> NDArray[np.uint8]:
    """The image (H,W,3) that `picture_text` wrote."""
    return np.array(Image.open(io.BytesIO(base64.b64decode(text))), dtype=np.uint8)
