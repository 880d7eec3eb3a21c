"""How good a detector is on parts of a split: far objects, small ones, those at night.

An object belongs to a slice by what it is. A prediction that takes an object belongs to that
object's slice; a false one belongs to a slice by what it claims itself, such as its own distance.
So every object and every prediction is in one slice of an axis, and the slices add up to the whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivetr.evaluation.nuscenes.matched import Floats, Ints, MatchedSplit
from drivetr.structures.classes import DETECTION_CLASSES

_RECALLS = np.linspace(0, 1, 101)  # where the devkit reads its curves
_FIRST = 11  # of those recalls that count: above 0.1
_MIN_PRECISION = 0.1
_GRID = np.arange(1, 100) / 100  # thresholds to choose from


@dataclass(frozen=True)
class Axis:
    """A way to cut a split into slices.

    Attributes:
        name: short, such as distance.
        rule: what decides, in words.
        slices: names of the slices.
        of_truth: (G,) slice of each object.
        of_found: (M,) slice that each prediction would be in if it were false; None where a
            prediction says nothing of it, and false ones then are in no slice.
        claims_hold: whether a false prediction is alike to the objects of its own slice, so that
            precision and AP of a slice mean something. They would not by speed: most false
            predictions of a detector that cannot tell speed claim to stand, and what it says of
            fast objects would look faultless.
    """

    name: str
    rule: str
    slices: tuple[str, ...]
    of_truth: Ints
    of_found: Ints | None
    claims_hold: bool = True


@dataclass(frozen=True)
class SliceScores:
    """What a detector does on one slice at a score threshold.

    Attributes:
        name: of the slice.
        objects: in it.
        hits: those that were found.
        false: predictions in it that take no object; None where the axis cannot tell.
        precision: share of the predictions above the threshold that take an object; NaN without
            any and where the axis cannot tell.
        ap: at 2 m, over all scores, the mean over the classes that have objects in it; NaN where
            the axis cannot tell.
        errors: mean ATE, ASE, AOE, AVE of the hits, NaN without any.
    """

    name: str
    objects: int
    hits: int
    false: int | None
    precision: float
    ap: float
    errors: dict[str, float]

    @property
    def recall(self) -> float:
        """Share of the objects that were found, NaN without any."""
        return self.hits / self.objects if self.objects else float("nan")


def whole(split: MatchedSplit) -> Axis:
    """The axis of a single slice."""
    truth, found = (np.zeros(len(table), dtype=np.int64) for table in (split.truth, split.found))
    return Axis("whole", "all that the devkit counts", ("whole split",), truth, found)


def bands(
    edges: Sequence[float], unit: str, of_truth: Floats, of_found: Floats
) -> tuple[tuple[str, ...], Ints, Ints]:
    """Numbers cut at edges; what is not a number gets a slice of its own.

    Args:
        edges: E ascending numbers, which make E + 1 slices; an edge belongs to the one above it.
        unit: of the numbers.
        of_truth: (G,) numbers of the objects.
        of_found: (M,) those of the predictions.

    Returns:
        Names of the slices, and the slices of objects and predictions, as an `Axis` has them.
    """
    names = (
        f"below {edges[0]:g} {unit}",
        *(f"{low:g} to {high:g} {unit}" for low, high in zip(edges[:-1], edges[1:], strict=True)),
        f"{edges[-1]:g} {unit} and more",
        "unknown",
    )
    truth, found = (
        np.where(np.isnan(values), len(edges) + 1, np.digitize(values, edges)).astype(np.int64)
        for values in (of_truth, of_found)
    )
    return names, truth, found


def slice_of_found(split: MatchedSplit, axis: Axis) -> Ints:
    """(M,) slice of each prediction: its object's, or its own; -1 where it is in none."""
    own = np.full(len(split.found), -1) if axis.of_found is None else axis.of_found
    if not len(split.truth):
        return own
    return np.where(split.partner >= 0, axis.of_truth[split.partner], own)


def scores_of_slices(split: MatchedSplit, axis: Axis, threshold: float) -> list[SliceScores]:
    """The slices of an axis that hold an object or a prediction above the threshold."""
    count = len(axis.slices)
    of_found = slice_of_found(split, axis)
    shown = split.found.scores >= threshold
    hit, false = shown & (split.partner >= 0), shown & (split.partner < 0)
    objects = np.bincount(axis.of_truth, minlength=count)
    hits = np.bincount(of_found[hit], minlength=count)
    wrong = np.bincount(of_found[false & (of_found >= 0)], minlength=count)
    tells = axis.of_found is not None and axis.claims_hold
    ap = average_precisions(split, axis) if tells else np.full((count, 1), np.nan)
    precision = hits / np.where(tells & (hits + wrong > 0), hits + wrong, np.nan)
    means = {
        name: _means(values[hit], of_found[hit], count) for name, values in split.errors.items()
    }
    return [
        SliceScores(
            name=name,
            objects=int(objects[i]),
            hits=int(hits[i]),
            false=None if axis.of_found is None else int(wrong[i]),
            precision=float(precision[i]),
            ap=_mean(ap[i]),
            errors={error: float(mean[i]) for error, mean in means.items()},
        )
        for i, name in enumerate(axis.slices)
        if objects[i] or hits[i] or wrong[i]
    ]


def average_precisions(split: MatchedSplit, axis: Axis) -> Floats:
    """(S, K) AP at 2 m of each class in each slice, NaN where it has no objects."""
    of_found = slice_of_found(split, axis)
    order = np.lexsort((np.arange(len(split.found)), split.found.scores))[::-1]
    classes = len(DETECTION_CLASSES)
    group = (of_found * classes + split.found.labels)[order]
    group[of_found[order] < 0] = -1
    hit = (split.partner >= 0)[order]
    places = np.argsort(group, kind="stable")  # by group, the surest first in each
    bounds = np.searchsorted(group[places], np.arange(len(axis.slices) * classes + 1))
    objects = np.bincount(
        axis.of_truth * classes + split.truth.labels, minlength=len(axis.slices) * classes
    )
    found = [
        average_precision(hit[places[start:stop]], int(number))
        for start, stop, number in zip(bounds[:-1], bounds[1:], objects, strict=True)
    ]
    return np.array(found).reshape(len(axis.slices), classes)


def average_precision(hit: NDArray[np.bool_], objects: int) -> float:
    """The devkit's AP, from whether each prediction takes an object, the surest first.

    The precision is read at 101 recalls, those up to 0.1 are left out, and what it has above 0.1 is
    averaged and scaled to 0..1 (nuScenes, arXiv:1903.11027, section 3.1). NaN without objects.
    """
    if not objects:
        return float("nan")
    if not hit.any():
        return 0.0
    hits = np.cumsum(hit).astype(float)
    precision = hits / np.arange(1, len(hit) + 1)
    curve = np.interp(_RECALLS, hits / objects, precision, right=0)
    return float((curve[_FIRST:] - _MIN_PRECISION).clip(min=0).mean()) / (1 - _MIN_PRECISION)


def best_threshold(split: MatchedSplit) -> float:
    """The score, in steps of 0.01, above which hits make up most of objects and predictions (F1).

    The lowest of equal ones; 0.01 where nothing was found.
    """
    shown, hits = (
        len(scores) - np.searchsorted(np.sort(scores), _GRID)
        for scores in (split.found.scores, split.partner_score)
    )
    share = 2 * hits / np.maximum(shown + len(split.truth), 1)
    return float(_GRID[share.argmax()])


def _means(values: Floats, slices: Ints, count: int) -> Floats:
    """Mean of the numbers in each slice, NaN where there is none."""
    known = ~np.isnan(values)
    sums = np.bincount(slices[known], values[known], count)
    numbers = np.bincount(slices[known], minlength=count)
    return np.divide(sums, numbers, out=np.full(count, np.nan), where=numbers > 0)


def _mean(values: Floats) -> float:
    """Mean of what is known, NaN where nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
