"""The 2D head that helps to train the image features of Focal-PETR and StreamPETR.

Focal-PETR (arXiv:2212.05505) detects objects in the images, beside the detection in 3D: every token
says what it shows, how near it is to an object's centre, and where that object's 2D box and centre
are. Focal-PETR can also hand only the likeliest tokens on to the 3D decoder; all published configs
of StreamPETR keep all tokens (`train_ratio` and `infer_ratio` are 1), and so does drivetr, which
needs this head in training only.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torchvision.ops import box_convert

from drivetr.geometry.frustum import cell_pixels
from drivetr.nn.ranges import inverse_sigmoid
from drivetr.structures.cameras import Cameras

_GROUPS = 32  # of the group norms, as published
_PRIOR = 0.01  # score of an untrained head


class FocalHead(nn.Module):
    """Class, centreness, 2D box and 2D centre of every token, with the published keys.

    Args:
        in_channels: width of the image features; a multiple of 32.
        num_classes: K.
        stride: pixels a feature cell.
    """

    def __init__(self, in_channels: int = 256, num_classes: int = 10, stride: int = 16) -> None:
        super().__init__()
        self.stride = stride
        self.shared_cls = _normed_conv(in_channels)
        self.shared_reg = _normed_conv(in_channels)
        self.cls = nn.Conv2d(in_channels, num_classes, 1)
        self.centerness = nn.Conv2d(in_channels, 1, 1)
        self.ltrb = nn.Conv2d(in_channels, 4, 1)
        self.center2d = nn.Conv2d(in_channels, 2, 1)
        for conv in (self.cls, self.centerness):
            conv.bias = nn.Parameter(torch.full_like(conv.weight[:, 0, 0, 0], _PRIOR).logit())

    def forward(
        self, features: Float[Tensor, "B N C H W"], cameras: Cameras
    ) -> dict[str, Float[Tensor, "B N H W *"]]:
        """Predictions of every token.

        Returns:
            `class_logits` (B,N,H,W,K); `centreness_logits` (B,N,H,W); `boxes` (B,N,H,W,4), centre
            x, centre y, width and height, and `centres` (B,N,H,W,2), x and y of the projected 3D
            centre, all as shares (0..1) of the network's input.
        """
        batch, (rows, columns) = features.shape[:2], features.shape[-2:]
        images = features.flatten(0, 1)
        shown, shape = self.shared_cls(images), self.shared_reg(images)
        parts = (self.cls(shown), self.centerness(shown), self.ltrb(shape), self.center2d(shape))
        class_logits, centreness, ltrb, offset = (
            part.float().movedim(1, -1).unflatten(0, batch) for part in parts
        )
        size = (rows * self.stride, columns * self.stride)
        height, width = cameras.pad_size
        cells = cell_pixels((rows, columns), size, 0.5).to(ltrb) / ltrb.new_tensor([width, height])
        left_top, right_bottom = ltrb.sigmoid().split(2, dim=-1)
        corners = torch.cat([cells - left_top, cells + right_bottom], dim=-1).clamp(0, 1)
        return {
            "class_logits": class_logits,
            "centreness_logits": centreness[..., 0],
            "boxes": box_convert(corners, "xyxy", "cxcywh"),
            "centres": (inverse_sigmoid(cells) + offset).sigmoid(),
        }


def _normed_conv(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1), nn.GroupNorm(_GROUPS, channels), nn.ReLU()
    )
