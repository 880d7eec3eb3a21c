"""Points in units of a box-shaped range, and the logit that PETR works in."""

import torch
from jaxtyping import Float
from torch import Tensor

Range3D = tuple[float, float, float, float, float, float]  # xmin ymin zmin xmax ymax zmax, metres


def metres_from_unit(points: Float[Tensor, "*B 3"], span: Range3D) -> Float[Tensor, "*B 3"]:
    """Metres of points whose coordinates are fractions of the range."""
    low, high = points.new_tensor(span[:3]), points.new_tensor(span[3:])
    return points * (high - low) + low


def unit_from_metres(points: Float[Tensor, "*B 3"], span: Range3D) -> Float[Tensor, "*B 3"]:
    """Fractions of the range; outside of it they leave 0..1."""
    low, high = points.new_tensor(span[:3]), points.new_tensor(span[3:])
    return (points - low) / (high - low)


def inverse_sigmoid(x: Tensor, eps: float = 1e-5) -> Tensor:
    """The logit of x clamped to 0..1, with numerator and denominator kept above `eps`.

    The order of the clamps is that of mmdet.models.utils.transformer.inverse_sigmoid.
    """
    x = x.clamp(0, 1)
    return torch.log(x.clamp(min=eps) / (1 - x).clamp(min=eps))
