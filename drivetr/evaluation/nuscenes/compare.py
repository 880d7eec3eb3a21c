"""Two submissions to one split side by side: what got better, what got worse, by how much."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivetr.evaluation.nuscenes.frame_counts import FrameCounts
from drivetr.evaluation.nuscenes.matched import MatchedSplit
from drivetr.evaluation.nuscenes.slices import Axis, SliceScores, scores_of_slices


@dataclass(frozen=True)
class Contender:
    """A submission in a comparison.

    Attributes:
        split: its boxes.
        axis: the way in which the split is cut.
        threshold: score at which it is looked at.
    """

    split: MatchedSplit
    axis: Axis
    threshold: float

    @property
    def hit(self) -> NDArray[np.bool_]:
        """(G,) which objects were found."""
        hit: NDArray[np.bool_] = self.split.partner_score >= self.threshold
        return hit


@dataclass(frozen=True)
class SliceDifference:
    """One slice in two submissions, of which both are asked for the same objects.

    Attributes:
        name: of the slice.
        a: scores of the first.
        b: scores of the second.
        only_a: objects that only the first found.
        only_b: objects that only the second found.
    """

    name: str
    a: SliceScores
    b: SliceScores
    only_a: int
    only_b: int


@dataclass(frozen=True)
class PairedDifference:
    """How a number per frame changed from the first to the second submission.

    Attributes:
        better: frames with fewer errors in the second.
        worse: frames with more.
        same: frames with as many.
        mean: of the second minus the first.
        standard_error: of that mean over scenes, since frames of one scene are alike; NaN for one.
    """

    better: int
    worse: int
    same: int
    mean: float
    standard_error: float


def compare_slices(a: Contender, b: Contender) -> list[SliceDifference]:
    """The slices of an axis in two submissions.

    Raises:
        ValueError: they are of different splits.
    """
    if a.split.tokens != b.split.tokens or len(a.split.truth) != len(b.split.truth):
        raise ValueError("two submissions are compared on the same frames and objects only")
    scores_a, scores_b = (
        {s.name: s for s in scores_of_slices(c.split, c.axis, c.threshold)} for c in (a, b)
    )
    found = []
    for place, name in enumerate(a.axis.slices):
        if name not in scores_a and name not in scores_b:
            continue
        here = a.axis.of_truth == place
        found.append(
            SliceDifference(
                name,
                scores_a.get(name) or _nothing(name, a.axis),
                scores_b.get(name) or _nothing(name, b.axis),
                only_a=int((here & a.hit & ~b.hit).sum()),
                only_b=int((here & b.hit & ~a.hit).sum()),
            )
        )
    return found


def compare_frames(a: FrameCounts, b: FrameCounts, scene: NDArray[np.int64]) -> PairedDifference:
    """The errors of each frame in two submissions.

    Args:
        a: of the first.
        b: of the second.
        scene: (F,) scene of each frame.
    """
    difference = b.wrong - a.wrong
    frames = np.bincount(scene)
    means = np.bincount(scene, difference)[frames > 0] / frames[frames > 0]
    several = len(means) > 1
    return PairedDifference(
        better=int((difference < 0).sum()),
        worse=int((difference > 0).sum()),
        same=int((difference == 0).sum()),
        mean=float(difference.mean()),
        standard_error=float(means.std(ddof=1)) / math.sqrt(len(means)) if several else math.nan,
    )


def _nothing(name: str, axis: Axis) -> SliceScores:
    """The scores of a slice without objects and predictions."""
    unknown = dict.fromkeys(("ATE", "ASE", "AOE", "AVE"), math.nan)
    return SliceScores(
        name, 0, 0, None if axis.of_found is None else 0, math.nan, math.nan, unknown
    )
