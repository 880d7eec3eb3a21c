"""The official nuScenes detection metrics of a submission, computed by the devkit itself."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from drivetr import __version__
from drivetr.evaluation.nuscenes.submission import load_submission
from drivetr.evaluation.nuscenes.truth import (
    check_dataset,
    devkit_output,
    faults_of_tables,
    lend_reference_channel,
    open_split,
)
from drivetr.evaluation.nuscenes.validate import check_tokens
from drivetr.files import atomic_text

if TYPE_CHECKING:
    from nuscenes.eval.common.data_classes import EvalBoxes
    from nuscenes.eval.detection.evaluate import DetectionEval
    from nuscenes.nuscenes import NuScenes

OFFICIAL_CONFIG = "detection_cvpr_2019"


@dataclass(frozen=True)
class JudgedSubmission:
    """What the devkit makes of a submission.

    Attributes:
        summary: metrics, see `evaluate_submission`.
        details: the devkit's curves, by `CLASS:DISTANCE`.
        truth: the devkit's ground-truth boxes, without those that it leaves out.
        found: the predicted ones likewise.
    """

    summary: dict[str, Any]
    details: dict[str, Any]
    truth: "EvalBoxes"
    found: "EvalBoxes"


def evaluate_submission(
    path: str | Path,
    dataroot: str | Path,
    version: str,
    split: str,
    out_dir: str | Path | None = None,
    verbose: bool = False,
) -> dict[str, Any]:
    """Metrics of a submission: what the devkit's evaluation script saves, to the last digit.

    Args:
        path: the submission, a JSON file.
        dataroot: folder of the dataset; only the tables are read, never an image.
        version: folder of the tables, such as v1.0-trainval.
        split: an official split, or one of the version's own `splits.json`.
        out_dir: where `metrics_summary.json` (what is returned) and `metrics_details.json` (the
            curves) go, as the devkit names them; nothing is written without it.
        verbose: whether the devkit's own lines go to stderr.

    Returns:
        The devkit's keys `label_aps`, `mean_dist_aps`, `mean_ap`, `label_tp_errors`, `tp_errors`,
        `tp_scores`, `nd_score`, `eval_time`, `cfg`, `meta`, with the string keys that JSON has;
        a class without ground truth counts as in the devkit (AP 0, errors 1). And `drivetr`: where
        the numbers come from, and the number of evaluated ground-truth boxes of each class.

    Raises:
        DrivetrError: the submission, the dataset or the split cannot be evaluated.
    """
    (judged,) = judge_submissions([path], dataroot, version, split, verbose)
    if out_dir is not None:
        for name, content in (
            ("metrics_summary", judged.summary),
            ("metrics_details", judged.details),
        ):
            write_metrics(Path(out_dir) / f"{name}.json", content)
    return judged.summary


def judge_submissions(
    paths: Sequence[str | Path],
    dataroot: str | Path,
    version: str,
    split: str,
    verbose: bool = False,
) -> list[JudgedSubmission]:
    """The official metrics of submissions to one split, and the boxes that they count.

    The tables are read once. See `evaluate_submission` for the arguments and errors.
    """
    with tqdm(total=1 + 3 * len(paths), desc="evaluate", disable=None, leave=False) as bar:
        check_dataset(dataroot, version, split)
        submissions = [load_submission(path) for path in paths]
        bar.update()

        nusc, tokens = open_split(dataroot, version, split, verbose)
        for path, submission in zip(paths, submissions, strict=True):
            check_tokens(list(submission["results"]), tokens[split], tokens, split, path)
            bar.update()
        found_nothing = [not any(s["results"][t] for t in tokens[split]) for s in submissions]
        metas = [submission["meta"] for submission in submissions]
        del submissions  # the devkit reads the files again

        judged = []
        for path, empty, meta in zip(paths, found_nothing, metas, strict=True):
            with faults_of_tables(dataroot, version), TemporaryDirectory(prefix="drivetr-") as tmp:
                lend_reference_channel(nusc, tokens[split])
                readable = _stand_in(Path(tmp), tokens[split], meta) if empty else path
                evaluation = _load_devkit(nusc, readable, split, tmp, verbose)
            bar.update()
            summary, details = _metrics(evaluation, verbose)
            summary["meta"] = meta
            summary["drivetr"] = {"results": str(path), **_provenance(evaluation)}
            judged.append(
                JudgedSubmission(summary, details, evaluation.gt_boxes, evaluation.pred_boxes)
            )
            bar.update()
    return judged


def write_metrics(path: str | Path, metrics: dict[str, Any]) -> None:
    """Writes metrics as JSON, whole or not at all; NaN is written as the devkit does."""
    with atomic_text(path) as file:
        json.dump(metrics, file, indent=2)
        file.write("\n")


def _load_devkit(
    nusc: "NuScenes", path: str | Path, split: str, scratch: str, verbose: bool
) -> "DetectionEval":
    """The devkit's evaluation in its official configuration, boxes loaded and filtered."""
    from nuscenes.eval.common.config import config_factory
    from nuscenes.eval.detection.evaluate import DetectionEval

    with devkit_output(verbose):
        return DetectionEval(
            nusc,
            config_factory(OFFICIAL_CONFIG),
            str(path),
            eval_set=split,
            output_dir=scratch,
            verbose=verbose,
        )


def _metrics(evaluation: "DetectionEval", verbose: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Summary and details of the devkit's evaluation, with the keys that JSON gives them."""
    with devkit_output(verbose):
        metrics, details = evaluation.evaluate()
    return json.loads(json.dumps(metrics.serialize())), details.serialize()


def _provenance(evaluation: "DetectionEval") -> dict[str, Any]:
    """Where the numbers come from, and how many ground-truth boxes the devkit's filters leave."""
    counts = Counter(box.detection_name for box in evaluation.gt_boxes.all)
    return {
        "drivetr_version": __version__,
        "dataset_version": evaluation.nusc.version,
        "split": evaluation.eval_set,
        "num_samples": len(evaluation.sample_tokens),
        "num_truth": {name: counts[name] for name in evaluation.cfg.class_names},
    }


def _stand_in(scratch: Path, tokens: list[str], meta: dict[str, Any]) -> Path:
    """A submission that scores as one without any box, which the devkit cannot load.

    The devkit takes the type of its boxes from the first one and fails where there is none. The one
    box here is farther away than any class is evaluated, so the devkit drops it.
    """
    far_box = {
        "sample_token": tokens[0],
        "translation": [1e9, 1e9, 0.0],
        "size": [1.0, 1.0, 1.0],
        "rotation": [1.0, 0.0, 0.0, 0.0],
        "velocity": [0.0, 0.0],
        "detection_name": "car",
        "detection_score": 0.0,
        "attribute_name": "",
    }
    path = scratch / "no_detections.json"
    results: dict[str, list[dict[str, Any]]] = {token: [] for token in tokens}
    results[tokens[0]] = [far_box]
    path.write_text(json.dumps({"meta": meta, "results": results}), encoding="utf-8")
    return path
