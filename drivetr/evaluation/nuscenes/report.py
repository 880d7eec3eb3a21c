"""nuScenes metrics as a table for people."""

import math
from collections.abc import Mapping
from typing import Any

_ERRORS = {
    "trans_err": "ATE",
    "scale_err": "ASE",
    "orient_err": "AOE",
    "vel_err": "AVE",
    "attr_err": "AAE",
}


def format_metrics(metrics: Mapping[str, Any]) -> str:
    """The summary line, the five errors and one row a class, from `evaluate_submission`'s result.

    AP stands for the mean over the four matching distances and for each of them (metres between
    centres); ATE in metres, ASE as 1 - IoU, AOE in radians, AVE in metres per second, AAE as
    1 - accuracy. The metrics file of the devkit itself can be shown too; it does not know the
    number of ground-truth boxes, and that column is then absent.
    """
    distances = list(next(iter(metrics["label_aps"].values())))
    num_truth = metrics.get("drivetr", {}).get("num_truth", {})
    header = ["class", *(["truth"] if num_truth else [])]
    header += ["AP", *(f"AP@{distance}m" for distance in distances), *_ERRORS.values()]
    rows = [header]
    for name, aps in metrics["label_aps"].items():
        errors = metrics["label_tp_errors"][name]
        values = [metrics["mean_dist_aps"][name], *aps.values(), *(errors[key] for key in _ERRORS)]
        counted = [str(num_truth[name])] if num_truth else []
        rows.append([name, *counted, *(number_text(value) for value in values)])
    return "\n".join([*_summary(metrics, num_truth), "", *aligned_rows(rows)])


def _summary(metrics: Mapping[str, Any], num_truth: Mapping[str, int]) -> list[str]:
    """NDS, mAP and the five mean errors, and the mAP over the classes that the split has."""
    errors = "   ".join(f"m{_ERRORS[key]} {metrics['tp_errors'][key]:.4f}" for key in _ERRORS)
    lines = [f"NDS {metrics['nd_score']:.4f}   mAP {metrics['mean_ap']:.4f}", errors]
    present = [name for name, count in num_truth.items() if count]
    if num_truth and not present:
        lines.append(
            "No box of the ground truth is left after the devkit's filters (distance, boxes without"
            " lidar and radar points): these numbers mean nothing."
        )
    if present and len(present) < len(num_truth):
        mean = math.fsum(metrics["mean_dist_aps"][name] for name in present) / len(present)
        lines.append(
            f"mAP over the {len(present)} of {len(num_truth)} classes that have ground truth here:"
            f" {mean:.4f}"
        )
    return lines


def number_text(value: float, digits: int = 3) -> str:
    """So many decimals, and a dash for what is not defined for a class."""
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def aligned_rows(rows: list[list[str]]) -> list[str]:
    """Rows of equal columns: the first one to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
