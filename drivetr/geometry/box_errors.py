"""How far boxes are from the objects they were matched with, as nuScenes measures it."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from drivetr.geometry.boxes import SIZE, box_yaw


def size_error(found: Float[Tensor, "*M 10"], truth: Float[Tensor, "*M 10"]) -> Float[Tensor, "*M"]:
    """1 - IoU of the boxes laid over each other: centre and heading do not count (ASE)."""
    found, truth = found[..., SIZE], truth[..., SIZE]
    shared = torch.minimum(found, truth).prod(-1)
    return 1 - shared / (found.prod(-1) + truth.prod(-1) - shared)


def yaw_error(
    found: Float[Tensor, "*M 10"],
    truth: Float[Tensor, "*M 10"],
    period_rad: float = 2 * math.pi,
) -> Float[Tensor, "*M"]:
    """The smallest angle between the headings in radians (AOE).

    Args:
        found: boxes.
        truth: one object each.
        period_rad: after which a heading looks the same again; pi for what has no front.
    """
    difference = (box_yaw(found) - box_yaw(truth)) % period_rad
    return torch.minimum(difference, period_rad - difference)
