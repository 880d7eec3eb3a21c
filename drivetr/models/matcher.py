"""One-to-one assignment of predictions to ground truth (DETR, arXiv:2005.12872, section 3.1)."""

import torch
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torchvision.ops import box_convert, generalized_box_iou

from drivetr.geometry.box_codes import BOX_CODES, code_from_boxes
from drivetr.geometry.boxes import CENTER, VELOCITY
from drivetr.structures.frame import Targets

Assignment = tuple[Int[Tensor, "P"], Int[Tensor, "P"]]


def focal_cost(
    logits: Float[Tensor, "Q K"], labels: Int[Tensor, "G"], alpha: float = 0.25, gamma: float = 2.0
) -> Float[Tensor, "Q G"]:
    """What a class costs under focal loss, less what background costs (mmdet's FocalLossCost)."""
    score, eps = logits.sigmoid(), 1e-12
    negative = -(1 - score + eps).log() * (1 - alpha) * score**gamma
    positive = -(score + eps).log() * alpha * (1 - score) ** gamma
    return (positive - negative)[:, labels]


def image_box_cost(
    boxes: Float[Tensor, "Q 4"],
    truth: Float[Tensor, "G 4"],
    box_weight: float,
    giou_weight: float,
) -> Float[Tensor, "Q G"]:
    """Weighted L1 distance less generalised IoU of boxes (centre x, y, width, height; 0..1)."""
    corners, true_corners = (box_convert(b, "cxcywh", "xyxy") for b in (boxes, truth.to(boxes)))
    distance = torch.cdist(boxes, truth.to(boxes), p=1)
    return box_weight * distance - giou_weight * generalized_box_iou(corners, true_corners)


def least_cost_pairs(cost: Float[Tensor, "Q G"]) -> Assignment:
    """Rows and columns of the cheapest assignment; costs that are not finite count as high."""
    cost = torch.nan_to_num(cost, nan=100.0, posinf=100.0, neginf=-100.0)
    rows, columns = linear_sum_assignment(cost.cpu().numpy())
    return (
        torch.as_tensor(rows, device=cost.device),
        torch.as_tensor(columns, device=cost.device),
    )


class HungarianMatcher:
    """Finds the assignment of least total cost.

    Args:
        class_weight: of the focal cost.
        box_weight: of the L1 distance between box codes, velocity left out.
        anchor_weight: per metre from the query's starting point to the object (not in PETR).
        code_weights: of the columns (x, y, z, log l, log w, log h, sin, cos, vx, vy) within the L1
            distance, as StreamPETR's `match_costs`; None weighs all of them alike, as PETR does.
    """

    def __init__(
        self,
        class_weight: float = 2.0,
        box_weight: float = 0.25,
        anchor_weight: float = 0.0,
        code_weights: tuple[float, ...] | None = None,
    ) -> None:
        self.class_weight = class_weight
        self.box_weight = box_weight
        self.anchor_weight = anchor_weight
        self.code_weights = code_weights

    def cost(
        self,
        logits: Float[Tensor, "Q K"],
        boxes: Float[Tensor, "Q 10"],
        targets: Targets,
        anchors: Float[Tensor, "Q 3"] | None = None,
    ) -> Float[Tensor, "Q G"]:
        """The cost of every pair of prediction and ground truth."""
        code = self._weighted_code(boxes)
        cost = self.class_weight * focal_cost(logits, targets.labels)
        distance = torch.cdist(code, self._weighted_code(targets.boxes).to(code), p=1)
        cost = cost + self.box_weight * distance
        if self.anchor_weight and anchors is not None:
            centres = targets.boxes[:, CENTER].to(code)
            cost = cost + self.anchor_weight * torch.cdist(anchors[:, :2], centres[:, :2])
        return cost

    def _weighted_code(self, boxes: Float[Tensor, "Q 10"]) -> Float[Tensor, "Q 8"]:
        code = code_from_boxes(boxes, BOX_CODES["drivetr"])
        if self.code_weights is not None:
            code = code * code.new_tensor(self.code_weights)
        return code[:, : VELOCITY.start]

    @torch.no_grad()
    def __call__(
        self,
        logits: Float[Tensor, "Q K"],
        boxes: Float[Tensor, "Q 10"],
        targets: Targets,
        anchors: Float[Tensor, "Q 3"] | None = None,
    ) -> Assignment:
        """Matched predictions and the ground truth of each; at most min(Q, G) pairs."""
        return least_cost_pairs(self.cost(logits, boxes, targets, anchors))
