"""The regression targets of detection heads: boxes with logarithmic sizes, in a named column order.

Published checkpoints differ in the order, in which extent is called width, and in where yaw begins.
All of them are a permutation with signs of one another, so a `BoxCode` is just that.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from drivetr.geometry.boxes import CENTER, HEADING, SIZE, VELOCITY


@dataclass(frozen=True)
class BoxCode:
    """Where a head's raw output holds each column of drivetr's boxes.

    Attributes:
        name: the name that configs and checkpoints use.
        columns: raw column of (x, y, z, log length, log width, log height, sin, cos, vx, vy).
        yaw_signs: factors of the raw columns named for sine and cosine.
    """

    name: str
    columns: tuple[int, ...]
    yaw_signs: tuple[int, int] = (1, 1)


# Original PETR and DETR3D (mmdet3d < 1.0): (x, y, log w, log l, z, log h, sin, cos, vx, vy) of
# yaw_old = -yaw - pi / 2, so that sin(yaw) = -cos(yaw_old) and cos(yaw) = -sin(yaw_old).
# The ports are described in mmdetection3d's projects/PETR/petr/utils.py and projects/DETR3D.
BOX_CODES = {
    code.name: code
    for code in (
        BoxCode("drivetr", (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)),
        BoxCode("petr", (0, 1, 4, 3, 2, 5, 7, 6, 8, 9), (-1, -1)),
        BoxCode("streampetr", (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)),
        BoxCode("mmdet3d_petr", (0, 1, 4, 2, 3, 5, 7, 6, 8, 9), (-1, -1)),
        BoxCode("mmdet3d_detr3d", (0, 1, 4, 2, 3, 5, 6, 7, 8, 9)),
    )
}


def boxes_from_code(raw: Float[Tensor, "*Q 10"], code: BoxCode) -> Float[Tensor, "*Q 10"]:
    """Boxes (metres) from a head's raw output."""
    ordered = raw[..., list(code.columns)]
    sin_cos = ordered[..., HEADING].flip(-1) * raw.new_tensor(code.yaw_signs)
    return torch.cat(
        [ordered[..., CENTER], ordered[..., SIZE].exp(), sin_cos, ordered[..., VELOCITY]], dim=-1
    )


def code_from_boxes(boxes: Float[Tensor, "*Q 10"], code: BoxCode) -> Float[Tensor, "*Q 10"]:
    """The raw output that stands for `boxes`: the inverse of `boxes_from_code`."""
    sin_cos = boxes[..., HEADING].flip(-1) * boxes.new_tensor(code.yaw_signs)
    ordered = torch.cat(
        [boxes[..., CENTER], boxes[..., SIZE].log(), sin_cos, boxes[..., VELOCITY]], dim=-1
    )
    raw = torch.empty_like(ordered)
    raw[..., list(code.columns)] = ordered
    return raw
