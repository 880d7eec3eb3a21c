"""Which class is taken for which, what is taken for an object, and what is not seen at all."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from drivetr.evaluation.nuscenes.matched import Ints, MatchedSplit
from drivetr.evaluation.nuscenes.outcomes import MATCH_M
from drivetr.structures.classes import DETECTION_CLASSES

NUM_CLASSES = len(DETECTION_CLASSES)
TWICE, NOTHING = NUM_CLASSES, NUM_CLASSES + 1  # rows below the classes
_APART_M = 100.0  # between frames, whose boxes may not meet


@dataclass(frozen=True)
class Confusion:
    """What predictions are in truth.

    Every prediction above the threshold is counted once: with the object that it takes, else by
    the nearest object within 2 m. That has another class; or it has the same class and another
    prediction has taken it; or there is none.

    Attributes:
        counts: (K + 2, K) predictions by truth and by predicted class; the last two rows are
            objects seen twice, and nothing.
        objects: (K,) by class.
        missed: (K,) objects without a prediction of their class.
    """

    counts: Ints
    objects: Ints
    missed: Ints


def truth_of_predictions(split: MatchedSplit, threshold: float) -> Ints:
    """(M,) class of what stands where a prediction is, `TWICE` or `NOTHING`; -1 below threshold."""
    labels = split.found.labels
    shown = split.found.scores >= threshold
    nearest = _nearest(split)
    kind = np.full(len(split.found), NOTHING)
    near = nearest >= 0
    kind[near] = split.truth.labels[nearest[near]]
    kind[kind == labels] = TWICE
    hit = split.partner >= 0
    kind[hit] = labels[hit]
    return np.where(shown, kind, -1)


def confusion(split: MatchedSplit, threshold: float) -> Confusion:
    """Counts the classes of predictions and of what they are in truth."""
    kind = truth_of_predictions(split, threshold)
    shown = kind >= 0
    places = kind[shown] * NUM_CLASSES + split.found.labels[shown]
    size = (NUM_CLASSES + 2) * NUM_CLASSES
    counts = np.bincount(places, minlength=size).reshape(-1, NUM_CLASSES)
    objects = np.bincount(split.truth.labels, minlength=NUM_CLASSES)
    return Confusion(counts, objects, objects - counts.diagonal())


def _nearest(split: MatchedSplit) -> Ints:
    """(M,) nearest object of a prediction's frame, of any class, -1 where none is within 2 m."""
    if not len(split.truth) or not len(split.found):
        return np.full(len(split.found), -1)
    truth, found = (
        np.column_stack([table.boxes[:, :2], _APART_M * table.frame])
        for table in (split.truth, split.found)
    )
    _, rows = cKDTree(truth).query(found, distance_upper_bound=MATCH_M)
    return np.where(rows < len(split.truth), rows, -1)
