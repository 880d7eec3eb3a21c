"""2D detections: COCO's result file, judged by pycocotools."""

from drivetr.data.coco.annotations import annotation_file
from drivetr.engine.judges.exam import Exam
from drivetr.evaluation.coco.detection import evaluate_results, format_metrics, write_metrics
from drivetr.evaluation.coco.results import ResultsWriter


def judge_coco(exam: Exam) -> str:
    """COCO's twelve numbers.

    Raises:
        DrivetrError: no such split, or classes that are not those the model was trained on.
    """
    annotations = annotation_file(*exam.names)
    dataset = exam.dataset
    exam.check_classes()
    with ResultsWriter(exam.results, dataset.category_ids) as writer:
        for sample, found in exam.predictions():
            writer.add(sample.id, found)
    metrics = evaluate_results(exam.results, annotations, dataset.image_ids)
    write_metrics(exam.metrics, metrics)
    return f"{format_metrics(metrics)}\nResults: {exam.results}\nMetrics: {exam.metrics}"
