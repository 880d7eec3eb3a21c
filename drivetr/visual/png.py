"""Single pictures as PNG files."""

from pathlib import Path

from PIL import Image

from drivetr.files import atomic_path
from drivetr.visual.text import Canvas


def write_png(path: Path, image: Canvas) -> None:
    """Writes an RGB image (H, W, 3); the file appears whole or not at all."""
    with atomic_path(path) as temporary:
        Image.fromarray(image).save(temporary, format="PNG")
