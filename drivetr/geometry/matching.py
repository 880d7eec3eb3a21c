"""Which detection belongs to which object."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def match_centres(
    found: Float[Tensor, "M 2"],
    scores: Float[Tensor, "M"],
    truth: Float[Tensor, "G 2"],
    limit: float,
) -> Int[Tensor, "M"]:
    """The object of each detection, -1 for none, by the distance of their centres on the ground.

    As in nuScenes: detections choose in the order of their scores, each the nearest object that
    nobody has; it has to be nearer than the limit.

    Args:
        found: centres of the detections in metres.
        scores: of the detections.
        truth: centres of the objects, in the same frame.
        limit: metres.
    """
    matched = torch.full((len(found),), -1)
    if not len(truth):
        return matched
    distances = torch.cdist(found.double(), truth.double())
    for row in scores.argsort(descending=True, stable=True).tolist():
        nearest = int(distances[row].argmin())
        if distances[row, nearest] < limit:
            matched[row] = nearest
            distances[:, nearest] = torch.inf
    return matched
