"""Pictures as PNG files."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Writes a grey (H, W) or BGR (H, W, 3) picture.

    OpenCV's own writer says nothing where the disk is full, and dies of names of files with bytes
    that the locale cannot read.
    """
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
