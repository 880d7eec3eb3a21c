"""3D detections: a nuScenes submission, judged by the devkit."""

from dataclasses import dataclass, field

from drivetr.engine.judges.exam import Exam
from drivetr.evaluation.nuscenes.detection import evaluate_submission, write_metrics
from drivetr.evaluation.nuscenes.report import format_metrics
from drivetr.evaluation.nuscenes.submission import SubmissionWriter
from drivetr.evaluation.nuscenes.truth import NoTruthError, check_dataset
from drivetr.structures.frame import Frame


def judge_nuscenes(exam: Exam) -> str:
    """NDS, mAP, the five errors and a table of the classes.

    A split without ground truth, such as the official test set, gets the submission's place only.

    Raises:
        DrivetrError: before anything is detected, if the split could not be evaluated.
    """
    check_dataset(*exam.names)
    sight = _Sight()
    with SubmissionWriter(exam.results, exam.loaded.classes) as writer:
        for frame, found in exam.predictions():
            sight.count(frame)
            writer.add(frame.token, found, frame.global_from_lidar, frame.ego_from_lidar)
    told = [*sight.lines(), f"Submission: {exam.results}"]
    try:
        metrics = evaluate_submission(exam.results, *exam.names)
    except NoTruthError as error:
        return "\n".join([f"No metrics: {error}", *told])
    write_metrics(exam.metrics, metrics)
    return "\n".join([format_metrics(metrics), *told, f"Metrics: {exam.metrics}"])


@dataclass
class _Sight:
    """Counts what the cameras did not deliver, so that nobody takes it for the detector's fault."""

    images: int = 0
    absent: int = 0
    blind: list[str] = field(default_factory=list)

    def count(self, frame: Frame) -> None:
        valid = frame.cameras.valid
        self.images += len(valid)
        self.absent += int((~valid).sum())
        if not valid.any():
            self.blind.append(frame.token)

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
