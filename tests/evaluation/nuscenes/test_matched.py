"""Columns and pairs of a split against the devkit's boxes, errors and metrics."""

import json

import numpy as np
import pytest
from nuscenes.eval.common import utils
from nuscenes.nuscenes import NuScenes

from drivetr.evaluation.nuscenes.detection import judge_submissions
from drivetr.evaluation.nuscenes.matched import match, matched_split
from drivetr.evaluation.nuscenes.slices import average_precisions, whole
from drivetr.structures.classes import DETECTION_CLASSES
from tests.evaluation.nuscenes.split_factory import random_split

TOKENS = [f"sample-scene-000{s}-{frame}" for s in (2, 3) for frame in range(4)]


@pytest.fixture
def judged(tables_only, random_submission, tmp_path):
    nusc = NuScenes("v1.0-synth", str(tables_only), verbose=False)
    path = tmp_path / "results.json"
    path.write_text(json.dumps(random_submission(nusc, TOKENS, 3)))
    return judge_submissions([path], tables_only, "v1.0-synth", "synth_val")[0]


def by_brute_force(split, limit=2.0):
    """Partners by the words of the devkit's `accumulate`: class by class over the whole split."""
    partner, taken = np.full(len(split.found), -1), set()
    found, truth = split.found, split.truth
    order = sorted((score, row) for row, score in enumerate(found.scores.tolist()))[::-1]
    for _, row in order:
        best, least = None, np.inf
        for other in range(len(truth)):
            same = truth.frame[other] == found.frame[row]
            if same and truth.labels[other] == found.labels[row] and other not in taken:
                away = np.linalg.norm(found.boxes[row, :2] - truth.boxes[other, :2])
                if away < least:
                    best, least = other, away
        if least < limit:
            partner[row] = best
            taken.add(best)
    return partner


class TestMatchedSplit:
    def test_average_precision_of_the_whole_equals_the_devkit(self, judged):
        split = matched_split(judged)
        ours = average_precisions(split, whole(split))[0]
        for name, value in zip(DETECTION_CLASSES, ours, strict=True):
            if judged.summary["drivetr"]["num_truth"][name]:
                assert value == judged.summary["label_aps"][name]["2.0"]
            else:
                assert np.isnan(value)
        assert np.nanmax(ours) > 0.1

    def test_errors_equal_the_devkit(self, judged):
        split = matched_split(judged)
        truth, found = judged.truth.all, judged.found.all
        rows = np.flatnonzero(split.partner >= 0)
        assert len(rows) > 30
        for row in rows:
            theirs, ours = truth[split.partner[row]], found[row]
            assert theirs.detection_name == ours.detection_name
            assert theirs.sample_token == ours.sample_token == split.tokens[split.found.frame[row]]
            name = ours.detection_name
            expected = {
                "ATE": utils.center_distance(theirs, ours),
                "ASE": 1 - utils.scale_iou(theirs, ours),
                "AOE": utils.yaw_diff(theirs, ours, np.pi if name == "barrier" else 2 * np.pi),
                "AVE": utils.velocity_l2(theirs, ours),
            }
            if name == "traffic_cone":
                expected["AOE"] = np.nan
            if name in ("traffic_cone", "barrier"):
                expected["AVE"] = np.nan
            for error, value in expected.items():
                assert split.errors[error][row] == pytest.approx(value, abs=1e-9, nan_ok=True)

    def test_predictions_without_an_object_have_no_errors(self, judged):
        split = matched_split(judged)
        assert all(np.isnan(v[split.partner < 0]).all() for v in split.errors.values())

    def test_columns_are_those_of_the_devkit(self, judged):
        split = matched_split(judged)
        assert split.truth.distance.tolist() == [box.ego_dist for box in judged.truth.all]
        speeds = [np.linalg.norm(box.velocity) for box in judged.found.all]
        np.testing.assert_allclose(split.found.speed, speeds, atol=1e-12)


class TestMatch:
    @pytest.mark.parametrize("seed", range(4))
    def test_equals_brute_force(self, seed):
        split = random_split(seed)
        assert split.partner.tolist() == by_brute_force(split).tolist()
        assert 0 < (split.partner >= 0).sum() < len(split.found)

    def test_partner_score_is_that_of_the_taker(self):
        split = random_split(1)
        for row, score in enumerate(split.partner_score.tolist()):
            takers = np.flatnonzero(split.partner == row)
            assert score == (split.found.scores[takers[0]] if len(takers) else -1)

    def test_nothing_to_match(self):
        split = random_split(0, objects=0)
        assert match(split.found, split.truth, 12).shape == (0,)
