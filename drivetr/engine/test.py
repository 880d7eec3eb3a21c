"""Testing: detections of a whole split, as a submission, with the official metrics."""

from pathlib import Path

from tqdm import tqdm

from drivetr.engine.api import LoadedDetector
from drivetr.evaluation.nuscenes.detection import evaluate_submission, write_metrics
from drivetr.evaluation.nuscenes.report import format_metrics
from drivetr.evaluation.nuscenes.submission import SubmissionWriter
from drivetr.evaluation.nuscenes.truth import NoTruthError, check_dataset


def test(
    loaded: LoadedDetector,
    dataset: tuple[str | None, str | None, str | None],
    results: Path,
    metrics: Path,
) -> str:
    """Detects on every frame of a split, writes the submission and evaluates it.

    Args:
        loaded: the trained detector.
        dataset: dataroot, version and split, each None for the one of the detector's config.
        results: where the submission goes.
        metrics: where the metrics go.

    Returns:
        the metrics as a text: NDS, mAP, the five errors and a table of the classes; of a split
        without ground truth, such as the official test set, where the submission lies.

    Raises:
        DrivetrError: before anything is detected, if the split could not be evaluated.
    """
    own = loaded.spec.test_data
    dataroot, version, split = (
        own[key] if given is None else given
        for key, given in zip(("dataroot", "version", "split"), dataset, strict=True)
    )
    check_dataset(dataroot, version, split)
    length, predictions = loaded.predictions(dataroot, version, split)
    with SubmissionWriter(results, loaded.classes) as writer:
        for frame, found in tqdm(predictions, total=length, desc="Detecting", unit="frame"):
            writer.add(frame.token, found, frame.global_from_lidar, frame.ego_from_lidar)
    try:
        found_metrics = evaluate_submission(results, dataroot, version, split)
    except NoTruthError as error:
        return f"No metrics: {error}\nSubmission: {results}"
    write_metrics(metrics, found_metrics)
    return f"{format_metrics(found_metrics)}\nSubmission: {results}\nMetrics: {metrics}"
