"""Comparing with oneself gives nothing; a known loss is found where it is, and nowhere else."""

import math
from dataclasses import replace

import numpy as np
import pytest

from drivetr.evaluation.nuscenes.axes import axes_of
from drivetr.evaluation.nuscenes.compare import Contender, compare_frames, compare_slices
from drivetr.evaluation.nuscenes.frame_counts import count_frames
from tests.evaluation.nuscenes.split_factory import (
    CAMERAS,
    only,
    random_facts,
    random_split,
    split_of,
)

THRESHOLD = 0.3
CAR = 0


def without_cars_of(split, facts, camera):
    """The split without the predictions that take cars in a camera."""
    hit = np.flatnonzero((split.partner >= 0) & (split.found.labels == CAR))
    gone = hit[facts.truth.camera[split.partner[hit]] == CAMERAS.index(camera)]
    keep = np.setdiff1d(np.arange(len(split.found)), gone)
    kept = {k: getattr(facts.found, k)[keep] for k in ("camera", "share", "height_px", "count")}
    return only(split, keep), replace(facts, found=replace(facts.found, **kept)), len(gone)


class TestCompareSlices:
    def test_with_itself_nothing_changes(self):
        split = random_split(1)
        for axis in axes_of(split, random_facts(split)):
            same = Contender(split, axis, THRESHOLD)
            differences = compare_slices(same, same)
            assert differences
            for found in differences:
                assert found.only_a == found.only_b == 0
                for name in ("objects", "hits", "false"):
                    assert getattr(found.a, name) == getattr(found.b, name)
                assert found.a.ap == found.b.ap or math.isnan(found.a.ap)

    def test_cars_lost_in_one_camera(self):
        truth = random_split(2, objects=400).truth
        boxes = np.nan_to_num(truth.boxes)
        split = split_of(truth, replace(truth, scores=np.full(400, 0.9), boxes=boxes))
        facts = random_facts(split)
        spoiled, their_facts, lost = without_cars_of(split, facts, "CAM_BACK")
        axis, other = (
            next(a for a in axes_of(*both) if a.name == "camera")
            for both in ((split, facts), (spoiled, their_facts))
        )
        found = {
            d.name: d
            for d in compare_slices(Contender(split, axis, 0.0), Contender(spoiled, other, 0.0))
        }
        assert lost > 2
        back = found.pop("CAM_BACK")
        assert back.a.recall == 1
        assert (back.only_a, back.only_b) == (lost, 0)
        assert back.b.hits == back.a.hits - lost
        assert len(found) == len(CAMERAS)
        for name, rest in found.items():
            assert rest.a.recall == rest.b.recall, name
            assert rest.only_a == rest.only_b == 0

    def test_slices_that_only_one_has(self):
        split = random_split(3)
        axis = next(a for a in axes_of(split, random_facts(split)) if a.name == "speed")
        nobody = only(split, slice(0, 0))
        none = replace(axis, of_found=axis.of_found[:0])
        found = compare_slices(Contender(split, axis, 0.0), Contender(nobody, none, 0.0))
        assert sum(d.only_a for d in found) == (split.partner >= 0).sum()
        assert all(d.b.hits == 0 and d.b.false == 0 for d in found)

    def test_other_splits_are_refused(self):
        a, b = random_split(0), random_split(0, objects=20)
        axes = [axes_of(split, random_facts(split))[0] for split in (a, b)]
        with pytest.raises(ValueError, match="same frames"):
            compare_slices(Contender(a, axes[0], 0.5), Contender(b, axes[1], 0.5))


class TestCompareFrames:
    def test_counts_and_spread(self):
        split = random_split(4)
        facts = random_facts(split)
        low, high = (count_frames(split, threshold) for threshold in (0.2, 0.8))
        found = compare_frames(low, high, facts.scene)
        change = high.wrong - low.wrong
        assert (found.better, found.worse, found.same) == (
            (change < 0).sum(), (change > 0).sum(), (change == 0).sum(),
        )  # fmt: skip
        means = [change[facts.scene == scene].mean() for scene in range(3)]
        assert found.mean == pytest.approx(change.mean())
        assert found.standard_error == pytest.approx(np.std(means, ddof=1) / math.sqrt(3))

    def test_one_scene_has_no_spread(self):
        counts = count_frames(random_split(4), 0.5)
        found = compare_frames(counts, counts, np.zeros(12, dtype=np.int64))
        assert (found.better, found.worse, found.same, found.mean) == (0, 0, 12, 0.0)
        assert math.isnan(found.standard_error)
