"""From outputs to detections without non-maximum suppression."""

from typing import Any

import torch

from drivetr.geometry.boxes import CENTER
from drivetr.nn.ranges import Range3D
from drivetr.structures.detections import Detections


class TopKPostprocess:
    """Keeps the best scores over all pairs of query and class (PETR's NMSFreeCoder).

    One query may give several boxes of different classes. Scores of exactly zero, which stand for a
    frame in which no camera saw anything, are dropped.

    Args:
        max_detections: boxes kept in a frame.
        centre_range: boxes whose centre leaves this range (metres, inclusive) are dropped.
        score_threshold: boxes must score more than this.
    """

    def __init__(
        self,
        max_detections: int = 300,
        centre_range: Range3D = (-61.2, -61.2, -10.0, 61.2, 61.2, 10.0),
        score_threshold: float = 0.0,
    ) -> None:
        self.max_detections = max_detections
        self.centre_range = centre_range
        self.score_threshold = score_threshold

    @torch.no_grad()
    def __call__(self, outputs: dict[str, Any]) -> list[Detections]:
        """Detections of every frame, best first, with the ids of the queries if these have any."""
        logits, boxes = outputs["pred_logits"].float(), outputs["pred_boxes"].float()
        num_classes = logits.shape[-1]
        scores = logits.sigmoid().flatten(1)
        scores, index = scores.topk(min(self.max_detections, scores.shape[1]), dim=1)
        low, high = boxes.new_tensor(self.centre_range).split(3)
        ids = outputs.get("ids")
        detections = []
        for i, (frame_scores, frame_index) in enumerate(zip(scores, index, strict=True)):
            queries = frame_index // num_classes
            chosen = boxes[i, queries]
            centre = chosen[:, CENTER]
            keep = ((centre >= low) & (centre <= high)).all(-1)
            keep &= (frame_scores > self.score_threshold) & chosen.isfinite().all(-1)
            labels = frame_index % num_classes
            numbers = None if ids is None else ids[i, queries]
            found = Detections(chosen, frame_scores, labels, numbers, queries)
            detections.append(found[keep])
        return detections
