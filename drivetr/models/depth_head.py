"""An auxiliary head on the image features: what each token shows, and where its centre is."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drivetr.geometry.camera import inverse_ground_depth, unproject_pixels
from drivetr.geometry.frustum import cell_pixels
from drivetr.structures.cameras import Cameras


def focal_length_px(
    img_from_lidar: Float[Tensor, "*B 4 4"],
) -> Float[Tensor, "*B"]:
    """Vertical focal length in pixels, whatever frame the matrix starts from.

    The rows for v * depth and depth span the image's vertical plane: v = f * y + c * z with unit
    axes y, z, so that the cross product with z has length f.
    """
    return torch.linalg.cross(img_from_lidar[..., 1, :3], img_from_lidar[..., 2, :3]).norm(dim=-1)


class DepthHead(nn.Module):
    """Class heat map, logarithm of depth over focal length, and the way to the object's centre.

    A car that is twice as far looks as large through a lens of twice the focal length; dividing by
    it lets all cameras share one head.

    With `ground_height` the depth starts from where the ray through the object's foot, which every
    token also predicts, meets the ground; what is learned is a correction factor. Finding the foot
    is a matter of looking near by, which convolutions learn sooner than a depth in metres.

    Args:
        in_channels: width of the image features.
        num_classes: K.
        stride: pixels a feature cell.
        typical_depth: depth (metres) that an untrained head gives at `typical_focal_px`.
        typical_focal_px: see `typical_depth`.
        depth_range: depths (metres) are clamped to this.
        ground_height: z (metres) of the ground in the reference frame, or None for a depth that
            does not start from the ground.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        stride: int,
        typical_depth: float = 15.0,
        typical_focal_px: float = 200.0,
        depth_range: tuple[float, float] = (0.5, 100.0),
        ground_height: float | None = None,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.stride = stride
        self.depth_range = depth_range
        self.ground_height = ground_height
        self.trunk = nn.Sequential(
            nn.Conv2d(in_channels, in_channels, 3, padding=1), nn.ReLU(inplace=True)
        )
        self.out = nn.Conv2d(in_channels, num_classes + 4, 1)
        class_bias = torch.full((num_classes,), -4.6)  # a score of 0.01, as in focal loss
        log_depth = 0.0 if ground_height is not None else math.log(typical_depth / typical_focal_px)
        with torch.no_grad():
            self.out.weight[num_classes:].mul_(0.1)
        self.out.bias = nn.Parameter(torch.cat([class_bias, torch.tensor([log_depth, 0.0, 0.0, 0.0])]))

    def forward(
        self, features: Float[Tensor, "B N C H W"], cameras: Cameras
    ) -> dict[str, Float[Tensor, "B N H W *"]]:
        """Predictions of every token.

        Returns:
            `heat_logits` (B,N,H,W,K); `log_depth` (B,N,H,W), metres over focal length; `offset`
            (B,N,H,W,3), from the cell's centre to the object's centre (right, down) and to its foot
            (down), the middle of its lower face, in cells; `points` (B,N,H,W,3), the centre that
            follows, in metres of the reference frame.
        """
        batch, num_cameras, _, rows, columns = features.shape
        out = self.out(self.trunk(features.flatten(0, 1))).float()
        out = out.unflatten(0, (batch, num_cameras)).permute(0, 1, 3, 4, 2)
        heat_logits, log_depth, offset = out.split([self.num_classes, 1, 3], dim=-1)
        cells = cell_pixels((rows, columns), (rows * self.stride, columns * self.stride), 0.5)
        u, v = cells.to(out).unbind(-1)
        right, to_centre, to_foot = (offset * self.stride).unbind(-1)
        lidar_from_img = cameras.lidar_from_img.to(out)
        focal = focal_length_px(cameras.img_from_lidar).to(out)[..., None]
        log_depth = log_depth[..., 0].clamp(-10, 5).flatten(2)  # B N HW
        if self.ground_height is not None:
            foot = torch.stack([u + right, v + to_foot], dim=-1).flatten(2, 3)
            inverse = inverse_ground_depth(lidar_from_img, foot, self.ground_height)
            nearest, farthest = self.depth_range
            log_depth = log_depth - (inverse.clamp(1 / farthest, 1 / nearest) * focal).log()
        depth = (log_depth.exp() * focal).clamp(*self.depth_range)
        centre = torch.stack([u + right, v + to_centre], dim=-1).flatten(2, 3)
        points = unproject_pixels(lidar_from_img, centre, depth)
        return {
            "heat_logits": heat_logits,
            "log_depth": log_depth.unflatten(2, (rows, columns)),
            "offset": offset,
            "points": points.unflatten(2, (rows, columns)),
        }
