"""Extra image channels that tell a backbone how each pixel looks at the ground."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drivetr.geometry.frustum import cell_pixels
from drivetr.structures.cameras import Cameras


class GroundRays(nn.Module):
    """Two channels a pixel: the ray's slope, and the inverse depth at which it meets the ground.

    Args:
        ground_height: z of the ground in the reference frame, in metres: of nuScenes' LIDAR_TOP by
            default, 0 where the frame is ego.
        scale: the inverse depth is given in units of 1 / scale metres.
    """

    def __init__(self, ground_height: float = -1.84, scale: float = 10.0) -> None:
        super().__init__()
        self.ground_height = ground_height
        self.scale = scale

    def forward(self, cameras: Cameras) -> Float[Tensor, "B N 2 H W"]:
        """The channels of every camera at the network's input size."""
        lidar_from_img = cameras.lidar_from_img.float()
        uv = cell_pixels(cameras.pad_size, cameras.pad_size, offset=0.5)
        uv = uv.to(lidar_from_img)
        pixels = torch.cat([uv, torch.ones_like(uv[..., :1])], dim=-1)  # H W 3
        # The way along each ray for one metre of depth.
        rays = torch.einsum("bnij,hwj->bnhwi", lidar_from_img[..., :3, :3], pixels)
        height = lidar_from_img[..., 2, 3][..., None, None] - self.ground_height
        slope = rays[..., 2] / rays.square().sum(-1).sqrt()  # .norm is 20 times slower
        inverse_depth = (-rays[..., 2] / height).clamp(0, 1) * self.scale
        return torch.stack([slope, inverse_depth], dim=2)
