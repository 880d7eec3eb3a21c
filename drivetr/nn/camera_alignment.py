"""RepDETR3D's spatial alignment: the maps of a pyramid are told which camera saw them."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drivetr.geometry.camera import split_projection
from drivetr.nn.modulated_norm import ModulatedNorm
from drivetr.structures.cameras import Cameras

CAMERA_DIM = 2 + 12  # focal lengths, the three rows of the pose


class CameraAlignment(nn.Module):
    """Scales and shifts all features of a camera by its focal lengths and its pose.

    From exiawsh/StreamPETR, sparse_head.py, `spatial_alignment`; there is no norm in it.

    Args:
        embed_dim: channels C of every level.
    """

    def __init__(self, embed_dim: int = 256) -> None:
        super().__init__()
        self.norm = ModulatedNorm(CAMERA_DIM, embed_dim, normed=False)

    def forward(
        self, features: Sequence[Float[Tensor, "B N C _ _"]], cameras: Cameras
    ) -> list[Float[Tensor, "B N C _ _"]]:
        """The levels, modulated camera by camera."""
        focal, cam_from_lidar = split_projection(cameras.img_from_lidar.double())
        told = torch.cat([focal / 1000, cam_from_lidar.flatten(-2)], dim=-1)  # B N 14
        told = told.to(features[0])[:, :, None, None]
        return [self.norm(level.movedim(2, -1), told).movedim(-1, 2) for level in features]
