"""COCO's average precision of 2D boxes, by pycocotools."""

import copy
import io
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from drivetr.errors import DrivetrError
from drivetr.evaluation.coco.results import read_results

# The twelve numbers of COCOeval.stats, in its order.
NAMES = (
    "AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large",
    "AR_1", "AR_10", "AR_100", "AR_small", "AR_medium", "AR_large",
)  # fmt: skip


def format_metrics(metrics: dict[str, Any]) -> str:
    """COCO's twelve numbers, one a line; "-" where there is nothing of a kind."""
    rows = ((name, metrics[name]) for name in NAMES)
    return "\n".join(
        f"{name:10} {value:.4f}" if value >= 0 else f"{name:10} -" for name, value in rows
    )


def evaluate_results(
    results: Path, annotations: Path, image_ids: list[int] | None = None
) -> dict[str, Any]:
    """COCO's numbers of a result file.

    Args:
        results: COCO's list of boxes with scores.
        annotations: the split's `instances_*.json`.
        image_ids: evaluate these images only; all without it.

    Returns:
        the twelve numbers under `NAMES` (-1 where nothing of a kind is there), and `class_AP`, the
        AP of every class that has ground truth.

    Raises:
        DrivetrError: the results are wrong, or the images are not of this split.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with redirect_stdout(io.StringIO()):  # pycocotools reports its progress there
        truth = COCO(str(annotations))
    wanted = sorted(truth.imgs) if image_ids is None else sorted(image_ids)
    unknown = [number for number in wanted if number not in truth.imgs]
    if unknown:
        raise DrivetrError(f"{annotations} has no image {unknown[0]}; choose images of this split")
    rows = read_results(results, truth.imgs, truth.cats)
    with redirect_stdout(io.StringIO()):
        # pycocotools cannot load an empty list.
        found = truth.loadRes(copy.deepcopy(rows)) if rows else COCO()
        if not rows:
            found.dataset = {"images": [], "annotations": [], "categories": []}
            found.createIndex()
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.params.imgIds = wanted
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    metrics: dict[str, Any] = dict(zip(NAMES, evaluation.stats.tolist(), strict=True))
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # IoU recall class, all areas, 100
    per_class = zip(evaluation.params.catIds, precision.transpose(2, 0, 1), strict=True)
    metrics["class_AP"] = {
        truth.cats[category]["name"]: float(np.mean(values[values > -1]))
        for category, values in per_class
        if (values > -1).any()
    }
    return metrics
