"""An auxiliary head on the image features: what each token shows, and where its centre is."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drivetr.geometry.camera import focal_lengths_px, unproject_pixels
from drivetr.geometry.frustum import cell_pixels
from drivetr.structures.cameras import Cameras


class DepthHead(nn.Module):
    """Class heat map, logarithm of depth over focal length, and the way to the object's centre.

    A car that is twice as far looks as large through a lens of twice the focal length; dividing by
    it lets all cameras share one head.

    Args:
        in_channels: width of the image features.
        num_classes: K.
        stride: pixels a feature cell.
        typical_depth: depth (metres) that an untrained head gives at `typical_focal_px`.
        typical_focal_px: see `typical_depth`.
        depth_range: depths (metres) are clamped to this.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        stride: int,
        typical_depth: float = 15.0,
        typical_focal_px: float = 200.0,
        depth_range: tuple[float, float] = (0.5, 100.0),
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.stride = stride
        self.depth_range = depth_range
        self.trunk = nn.Sequential(
            nn.Conv2d(in_channels, in_channels, 3, padding=1), nn.ReLU(inplace=True)
        )
        self.out = nn.Conv2d(in_channels, num_classes + 3, 1)
        class_bias = torch.full((num_classes,), -4.6)  # a score of 0.01, as in focal loss
        log_depth = math.log(typical_depth / typical_focal_px)
        with torch.no_grad():
            self.out.weight[num_classes:].mul_(0.1)
        self.out.bias = nn.Parameter(torch.cat([class_bias, torch.tensor([log_depth, 0.0, 0.0])]))

    def forward(
        self, features: Float[Tensor, "B N C H W"], cameras: Cameras
    ) -> dict[str, Float[Tensor, "B N H W *"]]:
        """Predictions of every token.

        Returns:
            `heat_logits` (B,N,H,W,K); `log_depth` (B,N,H,W), metres over focal length; `offset`
            (B,N,H,W,2), from the cell's centre to the object's centre in cells; `points`
            (B,N,H,W,3), the centre that follows, in metres of the reference frame.
        """
        batch, num_cameras, _, rows, columns = features.shape
        out = self.out(self.trunk(features.flatten(0, 1))).float()
        out = out.unflatten(0, (batch, num_cameras)).permute(0, 1, 3, 4, 2)
        heat_logits, log_depth, offset = out.split([self.num_classes, 1, 2], dim=-1)
        focal = focal_lengths_px(cameras.img_from_lidar)[..., 1].to(out)
        depth = log_depth[..., 0].clamp(-10, 5).exp() * focal[..., None, None]
        depth = depth.clamp(*self.depth_range).flatten(2)  # B N HW
        cells = cell_pixels((rows, columns), (rows * self.stride, columns * self.stride), 0.5)
        uv = (cells.to(out) + offset * self.stride).flatten(2, 3)  # B N HW 2
        points = unproject_pixels(cameras.lidar_from_img.to(out), uv, depth)
        return {
            "heat_logits": heat_logits,
            "log_depth": log_depth[..., 0],
            "offset": offset,
            "points": points.unflatten(2, (rows, columns)),
        }
