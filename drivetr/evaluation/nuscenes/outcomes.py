"""Which predictions hit, which objects are missed, and what is not judged: as the devkit has it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from drivetr.evaluation.nuscenes.constants import CLASS_RANGE
from drivetr.geometry.matching import match_centres
from drivetr.geometry.rigid import rotation_from_quaternion

MATCH_M = 2.0  # the devkit takes the errors of true positives at this distance
_RACKED = ("bicycle", "motorcycle")  # left out where they stand in a rack
_LWH_FROM_WLH = [1, 0, 2]


@dataclass(frozen=True)
class PlacedBoxes:
    """What matching knows of the boxes of one sample.

    Attributes:
        centres: float64, metres in the global frame.
        labels: index into the classes.
        scores: of predictions; objects have any.
        num_points: lidar and radar points inside of objects; None for predictions, which the devkit
            does not ask for points.
    """

    centres: Float[Tensor, "M 3"]
    labels: Int[Tensor, "M"]
    scores: Float[Tensor, "M"]
    num_points: Int[Tensor, "M"] | None = None

    def __len__(self) -> int:
        """Number of boxes."""
        return len(self.labels)


@dataclass(frozen=True)
class Surroundings:
    """Where boxes of one sample are judged.

    Attributes:
        ego: position of the car in the global frame, metres.
        rack_centres: of bicycle racks, float64, metres in the global frame.
        rack_sizes: width, length, height in metres.
        rack_rotations: quaternions w, x, y, z, global from rack.
    """

    ego: Float[Tensor, "3"]
    rack_centres: Float[Tensor, "R 3"]
    rack_sizes: Float[Tensor, "R 3"]
    rack_rotations: Float[Tensor, "R 4"]


def judged_boxes(
    boxes: PlacedBoxes, around: Surroundings, classes: Sequence[str]
) -> Bool[Tensor, "M"]:
    """Which boxes the devkit evaluates (`filter_eval_boxes`).

    Those nearer to the car, in the ground plane, than their class is evaluated; objects with a
    point inside; bicycles and motorcycles that stand in no rack.
    """
    reach = torch.tensor([CLASS_RANGE[name] for name in classes], dtype=torch.float64)
    kept = (boxes.centres - around.ego)[:, :2].norm(dim=-1) < reach[boxes.labels]
    if boxes.num_points is not None:
        kept &= boxes.num_points != 0
    if len(around.rack_centres):
        racked = torch.tensor([name in _RACKED for name in classes])[boxes.labels]
        kept &= ~(racked & _in_a_rack(boxes.centres, around))
    return kept


def _in_a_rack(points: Float[Tensor, "M 3"], around: Surroundings) -> Bool[Tensor, "M"]:
    """Whether points lie in one of the racks, faces included."""
    global_from_rack = rotation_from_quaternion(around.rack_rotations.double())  # R 3 3
    away = points[:, None] - around.rack_centres
    points_rack = torch.einsum("rij,mri->mrj", global_from_rack, away)
    half = around.rack_sizes[:, _LWH_FROM_WLH] / 2
    return (points_rack.abs() <= half).all(dim=-1).any(dim=-1)


@dataclass(frozen=True)
class Outcome:
    """How the predictions and the objects of one sample meet.

    Attributes:
        found_partner: of each prediction the row of the object that it takes, -1 for none.
        truth_partner: of each object the row of the prediction that takes it, -1 for none.
        found_judged: False for predictions that are left out.
        truth_judged: False for objects that are left out.
    """

    found_partner: Int[Tensor, "M"]
    truth_partner: Int[Tensor, "G"]
    found_judged: Bool[Tensor, "M"]
    truth_judged: Bool[Tensor, "G"]


def match_boxes(
    found: PlacedBoxes,
    truth: PlacedBoxes,
    around: Surroundings,
    classes: Sequence[str],
    limit_m: float = MATCH_M,
) -> Outcome:
    """The outcome of one sample, as the devkit's `accumulate` has it for all its classes.

    The devkit goes through the predictions of a whole split by score. As no prediction can take an
    object of another sample, going through each sample alone gives the same pairs; and as a
    prediction's object depends on surer predictions only, leaving out those below a threshold
    changes nothing for the others.
    """
    found_judged = judged_boxes(found, around, classes)
    truth_judged = judged_boxes(truth, around, classes)
    allowed = found.labels[:, None] == truth.labels
    allowed &= found_judged[:, None] & truth_judged
    partner = match_centres(
        found.centres[:, :2], found.scores, truth.centres[:, :2], limit_m, allowed
    )
    takers = torch.full((len(truth),), -1, dtype=torch.long)
    rows = (partner >= 0).nonzero()[:, 0]
    takers[partner[rows]] = rows
    return Outcome(partner, takers, found_judged, truth_judged)
