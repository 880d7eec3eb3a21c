"""Which feature cells look at padding."""

import torch
from jaxtyping import Bool
from torch import Tensor

from drivetr.structures.cameras import Cameras


def padding_mask(cameras: Cameras, feature_size: tuple[int, int]) -> Bool[Tensor, "*B N H W"]:
    """True where a cell's top-left pixel lies in the padding at the right or at the bottom.

    The same as nearest-neighbour resizing of a mask of the input's size. `cameras.valid` plays no
    part: an absent camera is a matter of attention, not of where the others are.
    """
    inside = []
    for axis, cells in enumerate(feature_size):
        pixels = torch.arange(cells, device=cameras.image_size.device) * cameras.pad_size[axis]
        inside.append(pixels // cells < cameras.image_size[..., axis, None])  # *B N cells
    return ~(inside[0][..., :, None] & inside[1][..., None, :])
