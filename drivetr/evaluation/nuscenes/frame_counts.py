"""How wrong a detector is in each frame and each scene."""

from dataclasses import dataclass

import numpy as np

from drivetr.evaluation.nuscenes.matched import Ints, MatchedSplit


@dataclass(frozen=True)
class FrameCounts:
    """Hits, misses and false predictions at a score threshold, one row a frame.

    Attributes:
        objects: (F,) that count.
        hits: (F,) objects that were found.
        false: (F,) predictions that take no object.
    """

    objects: Ints
    hits: Ints
    false: Ints

    @property
    def wrong(self) -> Ints:
        """(F,) misses and false predictions."""
        return self.objects - self.hits + self.false

    def by_scene(self, scene: Ints, count: int) -> "FrameCounts":
        """The same, one row a scene.

        Args:
            scene: (F,) scene of each frame.
            count: number of scenes.
        """
        columns = (self.objects, self.hits, self.false)
        return FrameCounts(
            *(np.bincount(scene, column, count).astype(np.int64) for column in columns)
        )


def count_frames(split: MatchedSplit, threshold: float) -> FrameCounts:
    """Counts what is right and wrong in the frames of a split."""
    frames = len(split.tokens)
    shown = split.found.scores >= threshold
    hit = split.partner >= 0
    return FrameCounts(
        objects=np.bincount(split.truth.frame, minlength=frames),
        hits=np.bincount(split.found.frame[shown & hit], minlength=frames),
        false=np.bincount(split.found.frame[shown & ~hit], minlength=frames),
    )
