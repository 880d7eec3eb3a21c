"""Objects that are classified by the names of the classes: how many get their own."""

import json

from drivetr.engine.judges.exam import Exam
from drivetr.files import atomic_text


def judge_zero_shot(exam: Exam) -> str:
    """The accuracy over all objects, and class by class.

    Raises:
        DrivetrError: the model was trained on other classes than the dataset's.
    """
    exam.check_classes()
    classes = exam.dataset.classes
    right, total = [0] * len(classes), [0] * len(classes)
    for sample, ranking in exam.predictions():
        total[sample.label] += 1
        right[sample.label] += ranking.best == sample.label
    accuracy = sum(right) / sum(total)
    rows = zip(classes, right, total, strict=True)
    by_class = {name: r / t if t else None for name, r, t in rows}
    metrics = {
        "zero_shot_accuracy": accuracy, "num_objects": sum(total), "by_class": by_class,
        "num_objects_by_class": dict(zip(classes, total, strict=True)),
    }  # fmt: skip
    with atomic_text(exam.metrics) as file:
        json.dump(metrics, file, indent=1)
    lines = [
        f"  {name:21} {'-' if share is None else f'{share:6.1%}'} of {count:,}"
        for (name, share), count in zip(by_class.items(), total, strict=True)
    ]
    head = f"zero-shot accuracy {accuracy:.1%} of {sum(total):,} objects"
    return "\n".join([head, *lines, f"Metrics: {exam.metrics}"])
