"""Which class is taken for which, what is taken for an object, and what is not seen at all."""

from dataclasses import dataclass

import numpy as np

from drivetr.evaluation.nuscenes.matched import MATCH_M, Ints, MatchedSplit, neighbours
from drivetr.structures.classes import DETECTION_CLASSES

NUM_CLASSES = len(DETECTION_CLASSES)
TWICE, NOTHING = NUM_CLASSES, NUM_CLASSES + 1  # rows below the classes


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
    kind = np.full(len(split.found), -1)
    shown = split.found.scores >= threshold
    hit = split.partner >= 0
    kind[shown & hit] = split.found.labels[shown & hit]
    near = neighbours(split.found, split.truth, MATCH_M, same_class=False)
    for row in np.flatnonzero(shown & ~hit).tolist():
        kind[row] = _kind_of_false(split, row, near[row])
    return kind


def confusion(split: MatchedSplit, threshold: float) -> Confusion:
    """Counts the classes of predictions and of what they are in truth."""
    kind = truth_of_predictions(split, threshold)
    shown = kind >= 0
    places = kind[shown] * NUM_CLASSES + split.found.labels[shown]
    size = (NUM_CLASSES + 2) * NUM_CLASSES
    counts = np.bincount(places, minlength=size).reshape(-1, NUM_CLASSES)
    objects = np.bincount(split.truth.labels, minlength=NUM_CLASSES)
    return Confusion(counts, objects, objects - counts.diagonal())


def _kind_of_false(split: MatchedSplit, row: int, near: list[int]) -> int:
    """What a false prediction is in truth."""
    if not near:
        return NOTHING
    away = np.linalg.norm(split.truth.boxes[near, :2] - split.found.boxes[row, :2], axis=1)
    nearest = int(away.argmin())
    if away[nearest] >= MATCH_M:
        return NOTHING
    label = int(split.truth.labels[near[nearest]])
    return TWICE if label == split.found.labels[row] else label
