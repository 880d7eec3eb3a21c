"""Metrics of one label for each image."""

from typing import Any

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

Labels = Int[NDArray[np.int64], " B"]


def confusion_matrix(truth: Labels, found: Labels, num_classes: int) -> NDArray[np.int64]:
    """Counts (K,K) of images by true class (row) and predicted class (column).

    Raises:
        ValueError: a label is no class, or the two differ in length.
    """
    if truth.shape != found.shape:
        raise ValueError(f"{len(truth)} true labels and {len(found)} predicted ones")
    both = np.concatenate([truth, found])
    if both.size and not (both.min() >= 0 and both.max() < num_classes):
        raise ValueError(f"labels {both.min()} .. {both.max()}, expected 0 .. {num_classes - 1}")
    counts = np.bincount(truth * num_classes + found, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def classification_metrics(
    confusion: NDArray[np.int64], classes: tuple[str, ...]
) -> dict[str, Any]:
    """What a confusion matrix says, as plain data.

    Returns:
        `images`, `errors`, `accuracy`, `recall` of each class that occurs, and the matrix itself:
        `confusion[true][predicted]`.
    """
    right, total = confusion.diagonal(), confusion.sum(1)
    return {
        "images": int(total.sum()),
        "errors": int((total - right).sum()),
        "accuracy": float(right.sum() / total.sum()),
        "recall": {
            name: float(right[i] / total[i]) for i, name in enumerate(classes) if total[i]
        },
        "confusion": confusion.tolist(),
    }  # fmt: skip


def format_classification(metrics: dict[str, Any], classes: tuple[str, ...]) -> str:
    """A text: accuracy, and the confusion matrix with the true class at the left."""
    width = max(5, *(len(name) for name in classes)) + 1
    lines = [
        f"accuracy {metrics['accuracy']:.4f} ({metrics['errors']} of {metrics['images']} wrong)",
        "true".ljust(width) + "predicted".ljust(width * len(classes)) + "recall".rjust(8),
        " " * width + "".join(name.rjust(width) for name in classes),
    ]
    for name, row in zip(classes, metrics["confusion"], strict=True):
        cells = "".join((str(count) if count else ".").rjust(width) for count in row)
        recall = f"{metrics['recall'][name]:8.3f}" if name in metrics["recall"] else "       -"
        lines.append(name.ljust(width) + cells + recall)
    return "\n".join(lines)
