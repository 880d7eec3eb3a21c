"""Classes of images: accuracy and the confusion matrix."""

import json

import numpy as np

from drivetr.engine.judges.exam import Exam
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
    exam.check_classes()
    pairs = [(sample.label, int(found.argmax())) for sample, found in exam.predictions()]
    truth, best = np.array(pairs, dtype=np.int64).T
    metrics = classification_metrics(confusion_matrix(truth, best, len(classes)), classes)
    with atomic_text(exam.metrics) as file:
        json.dump(metrics, file, indent=1)
    return f"{format_classification(metrics, classes)}\nMetrics: {exam.metrics}"
