"""Images as grids of patches, whose positions are learned for one square grid."""

import math

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from drivetr.errors import DrivetrError


def patch_grid(images: Float[Tensor, "B 3 H W"], patch_size: int) -> tuple[int, int]:
    """Rows and columns of patches.

    Raises:
        DrivetrError: the image is not a whole number of patches.
    """
    height, width = images.shape[-2:]
    if height % patch_size or width % patch_size:
        raise DrivetrError(
            f"an image of {height}x{width} pixels is not a whole number of patches of"
            f" {patch_size}x{patch_size}: resize or pad the images, or choose another patch_size"
        )
    return height // patch_size, width // patch_size


def resize_positions(
    learned: Float[Tensor, "1 _patches C"], rows: int, columns: int
) -> Float[Tensor, "1 {rows}*{columns} C"]:
    """Learned positions of a square grid of patches for another grid, bicubically."""
    grid = math.isqrt(learned.shape[1])
    if (rows, columns) == (grid, grid):
        return learned
    resized = functional.interpolate(
        learned.transpose(1, 2).reshape(1, -1, grid, grid).float(),
        size=(rows, columns),
        mode="bicubic",
        align_corners=False,
    )
    return resized.flatten(2).transpose(1, 2)
