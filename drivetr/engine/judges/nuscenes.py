"""3D detections: a nuScenes submission, judged by the devkit."""

from drivetr.engine.judges.exam import Exam
from drivetr.evaluation.nuscenes.detection import evaluate_submission, write_metrics
from drivetr.evaluation.nuscenes.report import format_metrics
from drivetr.evaluation.nuscenes.submission import SubmissionWriter
from drivetr.evaluation.nuscenes.truth import NoTruthError, check_dataset


def judge_nuscenes(exam: Exam) -> str:
    """NDS, mAP, the five errors and a table of the classes.

    A split without ground truth, such as the official test set, gets the submission's place only.

    Raises:
        DrivetrError: before anything is detected, if the split could not be evaluated.
    """
    check_dataset(*exam.names)
    with SubmissionWriter(exam.results, exam.loaded.classes) as writer:
        for frame, found in exam.predictions():
            writer.add(frame.token, found, frame.global_from_lidar, frame.ego_from_lidar)
    try:
        metrics = evaluate_submission(exam.results, *exam.names)
    except NoTruthError as error:
        return f"No metrics: {error}\nSubmission: {exam.results}"
    write_metrics(exam.metrics, metrics)
    return f"{format_metrics(metrics)}\nSubmission: {exam.results}\nMetrics: {exam.metrics}"
