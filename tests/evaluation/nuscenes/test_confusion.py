"""The confusion of classes against sklearn's, and what has to add up."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from drivetr.evaluation.nuscenes.confusion import (
    NOTHING,
    NUM_CLASSES,
    TWICE,
    confusion,
    truth_of_predictions,
)
from tests.evaluation.nuscenes.split_factory import (
    columns,
    only,
    random_boxes,
    random_split,
    split_of,
)

THRESHOLD = 0.4


def kinds_by_hand(split):
    """What each prediction above the threshold is, object by object."""
    kinds = []
    for row in np.flatnonzero(split.found.scores >= THRESHOLD):
        label = split.found.labels[row]
        if split.partner[row] >= 0:
            kinds.append((label, label))
            continue
        here = np.flatnonzero(split.truth.frame == split.found.frame[row])
        away = [np.hypot(*(split.truth.boxes[o, :2] - split.found.boxes[row, :2])) for o in here]
        if not len(here) or min(away) >= 2:
            kinds.append((NOTHING, label))
        else:
            other = split.truth.labels[here[int(np.argmin(away))]]
            kinds.append((TWICE if other == label else other, label))
    return kinds


class TestConfusion:
    @pytest.mark.parametrize("seed", range(3))
    def test_equals_sklearn(self, seed):
        split = random_split(seed)
        truth, predicted = zip(*kinds_by_hand(split), strict=True)
        expected = confusion_matrix(truth, predicted, labels=range(NUM_CLASSES + 2))
        found = confusion(split, THRESHOLD)
        assert found.counts.tolist() == expected[:, :NUM_CLASSES].tolist()
        assert len(set(truth)) == NUM_CLASSES + 2

    def test_every_prediction_and_object_counts_once(self):
        split = random_split(8)
        found = confusion(split, THRESHOLD)
        shown = split.found.labels[split.found.scores >= THRESHOLD]
        assert found.counts.sum(0).tolist() == np.bincount(shown, minlength=10).tolist()
        assert (found.counts.diagonal() + found.missed == found.objects).all()
        missed = (split.partner_score < THRESHOLD).sum()
        assert found.missed.sum() == missed

    def test_a_truck_called_car(self):
        boxes = random_boxes(np.random.default_rng(0), 1)
        truth = columns([3], [1], [-1.0], boxes)
        split = split_of(truth, columns([3], [0], [0.9], boxes))
        assert truth_of_predictions(split, 0.5).tolist() == [1]
        assert truth_of_predictions(split, 0.95).tolist() == [-1]
        assert confusion(split, 0.5).missed.tolist() == [0, 1, *[0] * 8]

    def test_nothing_there(self):
        split = random_split(0)
        none = random_split(0, objects=0)
        assert confusion(only(split, slice(0, 0)), THRESHOLD).counts.sum() == 0
        lonely = split_of(none.truth, split.found)
        assert set(truth_of_predictions(lonely, 0.0)) == {NOTHING}
