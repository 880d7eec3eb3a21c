"""Which detection belongs to which object."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

_EXACT = "donot_use_mm_for_euclid_dist"  # the other way loses digits far from the origin


def match_centres(
    found: Float[Tensor, "M 2"],
    scores: Float[Tensor, "M"],
    truth: Float[Tensor, "G 2"],
    limit: float,
    allowed: Bool[Tensor, "M G"] | None = None,
) -> Int[Tensor, "M"]:
    """The object of each detection, -1 for none, by the distance of their centres on the ground.

    As in nuScenes: detections choose in the order of their scores, of equal ones the last first,
    each the nearest object that nobody has; it has to be nearer than the limit.

    Args:
        found: centres of the detections in metres.
        scores: of the detections.
        truth: centres of the objects, in the same frame.
        limit: metres.
        allowed: False for pairs that may not meet, such as those of different classes.
    """
    distances = torch.cdist(found.double(), truth.double(), compute_mode=_EXACT)
    near = distances < limit if allowed is None else (distances < limit) & allowed
    rows, objects = near.nonzero(as_tuple=True)
    turn = torch.empty(len(found), dtype=torch.long)
    turn[scores.argsort(stable=True).flip(0)] = torch.arange(len(found))
    pairs = np.lexsort((distances[rows, objects].numpy(), turn[rows].numpy()))
    matched = [-1] * len(found)
    taken = set()
    for row, chosen in zip(rows[pairs].tolist(), objects[pairs].tolist(), strict=True):
        if matched[row] < 0 and chosen not in taken:
            matched[row] = chosen
            taken.add(chosen)
    return torch.tensor(matched, dtype=torch.long)
