"""Classes of images: accuracy and the confusion matrix."""

import json

import numpy as np

from drivetr.engine.judges.exam import Exam
from drivetr.errors import DrivetrError
from drivetr.evaluation.classification import (
    classification_metrics,
    confusion_matrix,
    format_classification,
)
from drivetr.files import atomic_text


def judge_classification(exam: Exam) -> str:
    """How many images got their class, and which classes are taken for each other.

    Raises:
        DrivetrError: the model was trained on other classes than the dataset's.
    """
    classes = tuple(exam.dataset.classes)
    if exam.loaded.classes != classes:
        raise DrivetrError(
            f"{exam.loaded.spec.source}: trained on the classes {exam.loaded.classes}, but the"
            f" dataset has {classes}; the config's `classes` must be the dataset's"
        )
    pairs = [(sample.label, int(found.argmax())) for sample, found in exam.predictions()]
    truth, found = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    metrics = classification_metrics(confusion_matrix(truth, found, len(classes)), classes)
    with atomic_text(exam.metrics) as file:
        json.dump(metrics, file, indent=1)
    return f"{format_classification(metrics, classes)}\nMetrics: {exam.metrics}"
