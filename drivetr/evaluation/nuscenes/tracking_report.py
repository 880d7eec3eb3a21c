"""nuScenes tracking metrics as a table for people."""

from collections.abc import Mapping
from typing import Any

from drivetr.evaluation.nuscenes.report import aligned_rows, number_text

_COUNTS = {"ids": "IDS", "frag": "FRAG", "tp": "TP", "fp": "FP", "fn": "FN", "mt": "MT", "ml": "ML"}
_MEANS = {"amota": "AMOTA", "amotp": "AMOTP", "recall": "recall", "mota": "MOTA", "motp": "MOTP"}


def format_tracking(metrics: Mapping[str, Any]) -> str:
    """The summary lines and one row a class that the split has, from `evaluate_tracks`'s result.

    AMOTA and AMOTP are averages over forty recalls; the other numbers are those at the score with
    the best MOTA. AMOTP and MOTP in metres; IDS identity switches, FRAG interrupted tracks, TP, FP
    and FN boxes, MT and ML mostly tracked and mostly lost objects.
    """
    num_truth = metrics["drivetr"]["num_truth"]
    present = [name for name, count in num_truth.items() if count]
    rows = [["class", "truth", *_MEANS.values(), *_COUNTS.values()]]
    for name in present:
        by_class = {key: values[name] for key, values in metrics["label_metrics"].items()}
        rows.append([name, str(num_truth[name]), *_cells(by_class)])
    rows.append(["all", str(sum(num_truth.values())), *_cells(metrics)])
    head = (
        f"AMOTA {metrics['amota']:.4f}   AMOTP {metrics['amotp']:.4f} m"
        f"   recall {metrics['recall']:.4f}   ID switches {metrics['ids']:.0f}"
    )
    if not present:
        return (
            "No box of the ground truth is left after the devkit's filters (distance, boxes without"
            " lidar and radar points): there are no tracking metrics."
        )
    absent = [name for name in num_truth if name not in present]
    note = [f"Not in this split: {', '.join(absent)}"] if absent else []
    return "\n".join([head, "", *aligned_rows(rows), *note])


def _cells(values: Mapping[str, float]) -> list[str]:
    means = [number_text(values[key]) for key in _MEANS]
    return means + [number_text(values[key], digits=0) for key in _COUNTS]
