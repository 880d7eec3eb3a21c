"""3D detections: a nuScenes submission, judged by the devkit."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drivetr.engine.judges.exam import Exam
from drivetr.evaluation.nuscenes.detection import evaluate_submission, write_metrics
from drivetr.evaluation.nuscenes.report import format_metrics
from drivetr.evaluation.nuscenes.submission import SubmissionWriter
from drivetr.evaluation.nuscenes.truth import NoTruthError, check_dataset
from drivetr.structures.detections import Detections
from drivetr.structures.frame import Frame

Found = tuple[Frame, Detections]
Names = tuple[str | Path, str, str]


def judge_nuscenes(exam: Exam) -> str:
    """NDS, mAP, the five errors and a table of the classes.

    A split without ground truth, such as the official test set, gets the submission's place only.

    Raises:
        DrivetrError: before anything is detected, if the split could not be evaluated.
    """
    check_dataset(*exam.names)
    sight = _Sight()
    submission = f"Submission: {exam.results}"
    try:
        found = sight.counted(exam.predictions())
        metrics = official_metrics(found, exam.loaded.classes, exam.names, exam.results)
    except NoTruthError as error:
        return "\n".join([f"No metrics: {error}", *sight.lines(), submission])
    write_metrics(exam.metrics, metrics)
    told = [format_metrics(metrics), *sight.lines(), submission, f"Metrics: {exam.metrics}"]
    return "\n".join(told)


def official_metrics(
    found: Iterable[Found], classes: Sequence[str], names: Names, results: Path
) -> dict[str, Any]:
    """What the devkit says of detections in all frames of a split.

    Args:
        found: each frame with its detections.
        classes: names in the order of the labels.
        names: dataroot, version and split.
        results: where the submission goes.

    Raises:
        NoTruthError: the submission was written, but the split has no ground truth.
    """
    with SubmissionWriter(results, tuple(classes)) as writer:
        for frame, detections in found:
            writer.add(frame.token, detections, frame.global_from_lidar, frame.ego_from_lidar)
    return evaluate_submission(results, *names)


@dataclass
class _Sight:
    """Counts what the cameras did not deliver, so that nobody takes it for the detector's fault."""

    images: int = 0
    absent: int = 0
    blind: list[str] = field(default_factory=list)

    def counted(self, found: Iterable[Found]) -> Iterator[Found]:
        """The same frames and detections, counted as they pass."""
        for frame, detections in found:
            valid = frame.cameras.valid
            self.images += len(valid)
            self.absent += int((~valid).sum())
            if not valid.any():
                self.blind.append(frame.token)
            yield frame, detections

    def lines(self) -> list[str]:
        """What to tell of it; nothing where all was there."""
        lines = []
        if self.absent:
            lines.append(
                f"{self.absent:,} of {self.images:,} images were absent or broken; their cameras"
                " were masked"
            )
        if self.blind:
            lines.append(
                f"{len(self.blind):,} samples without any image have no detections, the first is"
                f" {self.blind[0]}"
            )
        return lines
