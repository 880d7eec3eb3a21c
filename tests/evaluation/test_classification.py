"""Counts of right and wrong labels against scikit-learn's."""

import numpy as np
import pytest

from drivetr.evaluation.classification import (
    classification_metrics,
    confusion_matrix,
    format_classification,
)

CLASSES = ("cat", "dog", "newt")


def drawn(count: int = 50):
    rng = np.random.default_rng(0)
    return rng.integers(0, 3, count), rng.integers(0, 3, count)


def test_equals_scikit_learn():
    judge = pytest.importorskip("sklearn.metrics")
    truth, found = drawn()
    confusion = confusion_matrix(truth, found, 3)
    assert (confusion == judge.confusion_matrix(truth, found)).all()
    metrics = classification_metrics(confusion, CLASSES)
    assert metrics["accuracy"] == pytest.approx(judge.accuracy_score(truth, found))
    assert list(metrics["recall"].values()) == pytest.approx(
        judge.recall_score(truth, found, average=None).tolist()
    )
    assert (metrics["images"], metrics["errors"]) == (50, int((truth != found).sum()))


def test_a_class_that_never_occurs_has_no_recall():
    confusion = confusion_matrix(np.array([0, 0, 1]), np.array([0, 2, 1]), 3)
    metrics = classification_metrics(confusion, CLASSES)
    assert metrics["recall"] == {"cat": 0.5, "dog": 1.0}
    text = format_classification(metrics, CLASSES)
    assert text.splitlines()[0] == "accuracy 0.6667 (1 of 3 wrong)"
    assert text.splitlines()[3].split() == ["cat", "1", ".", "1", "0.500"]
    assert text.splitlines()[5].split() == ["newt", ".", ".", ".", "-"]


def test_labels_that_are_no_classes():
    with pytest.raises(ValueError, match=r"labels 0 \.\. 3, expected 0 \.\. 2"):
        confusion_matrix(np.array([0, 3]), np.array([0, 0]), 3)
    with pytest.raises(ValueError, match="2 true labels and 1 predicted"):
        confusion_matrix(np.array([0, 1]), np.array([0]), 3)
