"""Slices add up to the whole, and known mistakes show up where they were made."""

from dataclasses import replace

import numpy as np
import pytest

from drivetr.evaluation.nuscenes.axes import axes_of
from drivetr.evaluation.nuscenes.slices import (
    average_precision,
    bands,
    best_threshold,
    scores_of_slices,
    whole,
)
from tests.evaluation.nuscenes.split_factory import only, random_facts, random_split, split_of

THRESHOLD = 0.4


def total(split, threshold=THRESHOLD):
    (scores,) = scores_of_slices(split, whole(split), threshold)
    return scores


def axis_named(split, name):
    return next(a for a in axes_of(split, random_facts(split)) if a.name == name)


class TestScoresOfSlices:
    def test_add_up_to_the_whole(self):
        split = random_split(2)
        expected = total(split)
        for axis in axes_of(split, random_facts(split)):
            scores = scores_of_slices(split, axis, THRESHOLD)
            assert len(scores) > 1
            assert sum(s.objects for s in scores) == expected.objects == len(split.truth)
            assert sum(s.hits for s in scores) == expected.hits
            if axis.of_found is None:
                assert all(s.false is None and np.isnan(s.ap) for s in scores)
            else:
                assert sum(s.false for s in scores) == expected.false
            weighed = sum(s.hits * s.errors["ATE"] for s in scores if s.hits)
            assert weighed == pytest.approx(expected.hits * expected.errors["ATE"])

    def test_counts_by_brute_force(self):
        split = random_split(5)
        axis = axis_named(split, "distance")
        for scores in scores_of_slices(split, axis, THRESHOLD):
            place = axis.slices.index(scores.name)
            hits = false = 0
            for row in range(len(split.found)):
                if split.found.scores[row] < THRESHOLD:
                    continue
                other = split.partner[row]
                if other >= 0:
                    hits += axis.of_truth[other] == place
                else:
                    false += axis.of_found[row] == place
            assert (scores.hits, scores.false) == (hits, false)
            shown = hits + false
            assert scores.precision == pytest.approx(hits / shown if shown else np.nan, nan_ok=True)

    def test_a_slice_alone_is_a_split_of_its_own(self):
        """AP of a slice equals the whole's AP when nothing else is there."""
        split = random_split(3)
        axis = axis_named(split, "weather")
        for place, name in enumerate(axis.slices):
            found = {s.name: s for s in scores_of_slices(split, axis, THRESHOLD)}[name]
            truth = np.flatnonzero(axis.of_truth == place)
            alone = split_of(
                replace(split.truth, **{
                    key: getattr(split.truth, key)[truth]
                    for key in ("frame", "labels", "scores", "boxes", "distance")
                }),
                only(split, axis.of_found == place).found,
            )  # fmt: skip
            assert found.ap == pytest.approx(total(alone).ap)

    def test_zeroed_velocities_show_in_fast_slices_only(self):
        split = random_split(4)
        boxes, hit = split.found.boxes.copy(), split.partner >= 0
        boxes[hit, 8:] = np.nan_to_num(split.truth.boxes[split.partner[hit], 8:])
        split = split_of(split.truth, replace(split.found, boxes=boxes))
        standing = boxes.copy()
        standing[:, 8:] = 0
        spoiled = split_of(split.truth, replace(split.found, boxes=standing))
        good, bad = (
            {s.name: s for s in scores_of_slices(part, axis_named(part, "speed"), THRESHOLD)}
            for part in (split, spoiled)
        )
        fast = "5 to 10 m/s"
        assert good[fast].errors["AVE"] == 0
        assert bad[fast].errors["AVE"] > 5
        assert bad["below 0.2 m/s"].errors["AVE"] == good["below 0.2 m/s"].errors["AVE"] == 0
        assert bad[fast].recall == good[fast].recall

    def test_nothing_found(self):
        split = only(random_split(0), slice(0, 0))
        scores = total(split)
        assert (scores.hits, scores.false, scores.recall, scores.ap) == (0, 0, 0.0, 0.0)
        assert np.isnan(scores.precision)
        assert np.isnan(scores.errors["ATE"])
        assert best_threshold(split) == 0.01

    def test_no_objects(self):
        split = random_split(0)
        empty = only(random_split(0, objects=0), slice(0, 0))
        assert scores_of_slices(empty, whole(empty), THRESHOLD) == []
        falses = split_of(empty.truth, split.found)
        assert total(falses).false == (split.found.scores >= THRESHOLD).sum()


class TestAveragePrecision:
    def test_perfect_and_hopeless(self):
        assert average_precision(np.ones(50, bool), 50) == pytest.approx(1.0)
        assert average_precision(np.zeros(5, bool), 50) == 0.0
        assert np.isnan(average_precision(np.zeros(5, bool), 0))


class TestBestThreshold:
    def test_is_the_best_of_all_steps(self):
        split = random_split(6)

        def f1(threshold):
            scores = total(split, threshold)
            return 2 * scores.hits / (2 * scores.hits + scores.false + scores.objects - scores.hits)

        best = best_threshold(split)
        steps = [step / 100 for step in range(1, 100) if (split.found.scores >= step / 100).any()]
        assert f1(best) == max(map(f1, steps))


class TestBands:
    def test_edges_belong_to_the_band_above(self):
        names, truth, found = bands(
            [1.0, 2.0], "m", np.array([0.5, 1.0, 1.5, 2.0, np.nan]), np.array([9.0])
        )
        assert names == ("below 1 m", "1 to 2 m", "2 m and more", "unknown")
        assert truth.tolist() == [0, 1, 1, 2, 3]
        assert found.tolist() == [2]
