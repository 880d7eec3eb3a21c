"""COCO's average precision of 2D boxes, by pycocotools or by faster-coco-eval."""

import copy
import io
import json
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from drivetr.errors import DrivetrError
from drivetr.evaluation.coco.results import read_results
from drivetr.files import atomic_text

# The twelve numbers of COCOeval.stats, in its order.
NAMES = (
    "AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large",
    "AR_1", "AR_10", "AR_100", "AR_small", "AR_medium", "AR_large",
)  # fmt: skip

Backend = Literal["pycocotools", "faster-coco-eval"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)


def format_metrics(metrics: dict[str, Any]) -> str:
    """COCO's twelve numbers, one a line; "-" where there is nothing of a kind."""
    rows = ((name, metrics[name]) for name in NAMES)
    return "\n".join(
        f"{name:10} {value:.4f}" if value >= 0 else f"{name:10} -" for name, value in rows
    )


def write_metrics(path: Path, metrics: dict[str, Any]) -> None:
    """Writes metrics as JSON, whole or not at all."""
    with atomic_text(path) as file:
        json.dump(metrics, file, indent=1)


def evaluate_results(
    results: Path,
    annotations: Path,
    image_ids: list[int] | None = None,
    backend: Backend = "pycocotools",
) -> dict[str, Any]:
    """COCO's numbers of a result file.

    Args:
        results: COCO's list of boxes with scores.
        annotations: the split's `instances_*.json`, which `read_annotations` passed.
        image_ids: evaluate these images only; all without it.
        backend: which package counts; both give the same numbers.

    Returns:
        the twelve numbers under `NAMES` (-1 where nothing of a kind is there), and `class_AP`, the
        AP of every class that has ground truth.

    Raises:
        DrivetrError: the results are wrong, the images are not of this split, or the backend is not
            installed.
    """
    coco_class, eval_class = _classes_of(backend)
    truth = _indexed(coco_class, _truth(annotations))
    wanted = sorted(truth.imgs) if image_ids is None else sorted(image_ids)
    unknown = [number for number in wanted if number not in truth.imgs]
    if unknown:
        raise DrivetrError(f"{annotations} has no image {unknown[0]}; choose images of this split")
    rows = read_results(results, truth.imgs, truth.cats)
    with redirect_stdout(io.StringIO()):
        nothing: dict[str, Any] = {"images": [], "annotations": [], "categories": []}
        # pycocotools cannot load an empty list.
        found = truth.loadRes(copy.deepcopy(rows)) if rows else _indexed(coco_class, nothing)
        evaluation = eval_class(truth, found, "bbox")
        evaluation.params.imgIds = wanted
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return _numbers(evaluation, truth.cats)


def _truth(annotations: Path) -> dict[str, Any]:
    """A checked annotation file, with what the evaluators stumble over put in order.

    They fail without the fields `iscrowd` and `area`, which COCO's own files have, take the number
    0 of a matched box for none, and boxes with one number for one box. Nothing refers to these
    numbers: the boxes get new ones, in their order.
    """
    content: dict[str, Any] = json.loads(annotations.read_bytes())
    for number, row in enumerate(content["annotations"], start=1):
        row["id"] = number
        row.setdefault("iscrowd", 0)
        row.setdefault("area", row["bbox"][2] * row["bbox"][3])
    return content


def _indexed(coco_class: Any, content: dict[str, Any]) -> Any:
    """The evaluator's own object of a dataset."""
    with redirect_stdout(io.StringIO()):  # pycocotools reports its progress there
        coco = coco_class()
        coco.dataset = content
        coco.createIndex()
    return coco


def _classes_of(backend: Backend) -> tuple[Any, Any]:
    """The classes COCO and COCOeval of a backend."""
    if backend == "pycocotools":
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

        return COCO, COCOeval
    try:
        import faster_coco_eval
    except ImportError as error:
        raise DrivetrError(
            "--backend faster-coco-eval: the package is not installed; pip install"
            " -e '.[faster-coco-eval]', or take pycocotools, which gives the same numbers"
        ) from error
    return faster_coco_eval.COCO, faster_coco_eval.COCOeval_faster


def _numbers(evaluation: Any, categories: dict[int, Any]) -> dict[str, Any]:
    """The summary of an evaluation under names, and the AP of each class."""
    stats = [float(value) for value in evaluation.stats]
    metrics: dict[str, Any] = dict(zip(NAMES, stats, strict=True))
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # IoU recall class, all areas, 100
    per_class = zip(evaluation.params.catIds, precision.transpose(2, 0, 1), strict=True)
    metrics["class_AP"] = {
        categories[category]["name"]: float(np.mean(values[values > -1]))
        for category, values in per_class
        if (values > -1).any()
    }
    return metrics
