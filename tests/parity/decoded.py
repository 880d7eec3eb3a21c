"""Decoded detections against those of a recording."""

import math

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from drivetr.geometry.box_codes import BOX_CODES, boxes_from_code
from drivetr.geometry.mmdet3d_boxes import Version, mmdet3d_from_boxes
from drivetr.models.postprocess import TopKPostprocess
from drivetr.structures.detections import Detections
from tests.parity.comparison import BOXES, EQUAL, SCORES, Comparison
from tests.parity.golden_case import GoldenCase


def compare_decoded(
    case: GoldenCase,
    ours: dict[str, Tensor],
    theirs: dict[str, Tensor],
    code: str = "petr",
    version: Version = "before_1.0",
) -> list[Comparison]:
    """Detections of every sample, the boxes as mmdetection3d of that version would hold them.

    Scores of the published size lie too close for the order to survive another computer: there the
    recorded outputs are decoded.

    Args:
        case: the recording.
        ours: `all_cls_scores` and `all_bbox_preds` (L,B,Q,10).
        theirs: the same as recorded, and what was decoded from them.
        code: the order of the boxes' columns.
        version: which side of mmdetection3d 1.0 it was.
    """
    source = ours if case.size == "tiny" else theirs
    coder = case.hyperparameters["bbox_coder"]
    postprocess = TopKPostprocess(coder["max_num"], tuple(coder["post_center_range"]))
    detections = postprocess(
        {
            "pred_logits": source["all_cls_scores"][-1],
            "pred_boxes": boxes_from_code(source["all_bbox_preds"][-1], BOX_CODES[code]),
        }
    )
    comparisons = []
    for i, found in enumerate(detections):
        expected = {k: theirs[f"decoded_{k}_{i}"] for k in ("boxes", "scores", "labels")}
        comparisons.append(
            Comparison(f"decoded_scores_{i}", found.scores, expected["scores"], SCORES)
        )
        if case.size == "full" and len(found) == len(expected["scores"]):
            found = found[partners(found, expected)]
        boxes = mmdet3d_from_boxes(found.boxes, version)
        if len(boxes) == len(expected["boxes"]):
            turns = ((boxes - expected["boxes"])[:, 6] / (2 * math.pi)).round()
            boxes[:, 6] -= 2 * math.pi * turns
        comparisons += [
            Comparison(f"decoded_boxes_{i}", boxes, expected["boxes"], BOXES[case.size]),
            Comparison(f"decoded_labels_{i}", found.labels, expected["labels"], EQUAL),
        ]
    return comparisons


def partners(found: Detections, theirs: dict[str, Tensor]) -> Tensor:
    """For every recorded detection the index of ours; equal scores may stand in any order."""
    centres = torch.cdist(theirs["boxes"][:, :2], found.boxes[:, :2])
    other_label = theirs["labels"][:, None] != found.labels
    other_score = (theirs["scores"][:, None] - found.scores).abs() > SCORES.absolute
    _, columns = linear_sum_assignment((centres + 1e6 * other_label + 1e6 * other_score).numpy())
    return torch.as_tensor(columns)
