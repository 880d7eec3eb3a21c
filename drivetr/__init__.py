"""drivetr: multi-camera 3D perception with transformers, in pure PyTorch."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from drivetr.engine.api import LoadedDetector

__version__ = "0.1.0"


def from_pretrained(
    folder: "str | Path", device: str | None = None
) -> "nn.Module | LoadedDetector":
    """What `drivetr convert` wrote into `folder`, in evaluation mode.

    Args:
        folder: of `drivetr convert`.
        device: `cpu`, `cuda` or `cuda:N`; None for the best there is with a 3D detector, and for
            the CPU with other models.

    Returns:
        a model; for a 3D detector one with what belongs to it, its transforms and its decoding.

    Raises:
        DrivetrError: files that are absent, damaged or not of this format, or no such device.
    """
    from drivetr.engine.convert import from_pretrained as load

    return load(folder, device)
