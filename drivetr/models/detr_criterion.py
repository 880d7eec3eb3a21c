"""DETR's set loss at every decoder layer: classes, L1, GIoU (arXiv:2005.12872, section 3.1)."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name every PyTorch reader expects
from torchvision.ops import box_convert, generalized_box_iou

from drivetr.models.criterion import Losses, mean_over_ranks
from drivetr.models.matcher import Assignment, image_box_cost, least_cost_pairs
from drivetr.structures.targets2d import Targets2D


class ImageBoxMatcher:
    """The assignment of least cost between the queries and the objects of one image.

    Args:
        class_weight: of minus the probability of the object's class.
        box_weight: of the L1 distance between boxes (0..1).
        giou_weight: of minus the generalised IoU.
    """

    def __init__(
        self, class_weight: float = 1.0, box_weight: float = 5.0, giou_weight: float = 2.0
    ) -> None:
        self.class_weight = class_weight
        self.box_weight = box_weight
        self.giou_weight = giou_weight

    def cost(
        self,
        logits: Float[Tensor, "Q K+1"],
        boxes: Float[Tensor, "Q 4"],
        targets: Targets2D,
    ) -> Float[Tensor, "Q G"]:
        """The cost of every pair."""
        cost = -self.class_weight * logits.float().softmax(-1)[:, targets.labels]
        return cost + image_box_cost(boxes, targets.boxes, self.box_weight, self.giou_weight)

    @torch.no_grad()
    def __call__(self, logits: Tensor, boxes: Tensor, targets: Targets2D) -> Assignment:
        """Matched predictions and the object of each; at most min(Q, G) pairs."""
        return least_cost_pairs(self.cost(logits, boxes, targets))


class DetrCriterion:
    """Cross-entropy of all queries, L1 and generalised IoU of the matched ones.

    Args:
        matcher: assigns queries to objects.
        num_classes: K; index K means "no object".
        class_weight: of the cross-entropy.
        box_weight: of the L1 loss.
        giou_weight: of 1 - generalised IoU.
        no_object_weight: of the class "no object" within the cross-entropy (`eos_coef`).
    """

    def __init__(
        self,
        matcher: ImageBoxMatcher,
        num_classes: int = 91,
        class_weight: float = 1.0,
        box_weight: float = 5.0,
        giou_weight: float = 2.0,
        no_object_weight: float = 0.1,
    ) -> None:
        self.matcher = matcher
        self.num_classes = num_classes
        self.class_weight = class_weight
        self.box_weight = box_weight
        self.giou_weight = giou_weight
        self.no_object_weight = no_object_weight

    def __call__(self, outputs: dict[str, Any], targets: list[Targets2D]) -> Losses:
        """Weighted losses to be summed: `loss_cls`, `loss_bbox`, `loss_giou` of the last layer.

        Those of earlier layers are `d{i}.*`.
        """
        objects = torch.tensor(float(sum(map(len, targets))), device=outputs["pred_boxes"].device)
        count = mean_over_ranks(objects).clamp(min=1)
        losses: Losses = {}
        layers = [*outputs["aux_outputs"], outputs]
        for index, layer in enumerate(layers):
            prefix = "" if index == len(layers) - 1 else f"d{index}."
            matched = self._layer_losses(layer, targets, count)
            losses |= {prefix + name: value for name, value in matched.items()}
        return losses

    def _layer_losses(
        self, layer: dict[str, Tensor], targets: list[Targets2D], count: Tensor
    ) -> Losses:
        logits, boxes = layer["pred_logits"], layer["pred_boxes"]
        labels = torch.full(logits.shape[:2], self.num_classes, device=logits.device)
        found, truth = [], []
        for i, target in enumerate(targets):
            rows, columns = self.matcher(logits[i], boxes[i], target)
            labels[i, rows] = target.labels[columns]
            found.append(boxes[i, rows])
            truth.append(target.boxes[columns].to(boxes))
        weights = logits.new_ones(self.num_classes + 1)
        weights[-1] = self.no_object_weight
        ours, theirs = torch.cat(found), torch.cat(truth)
        overlap = generalized_box_iou(_corners(ours), _corners(theirs)).diagonal()
        return {
            "loss_cls": self.class_weight
            * F.cross_entropy(logits.flatten(0, 1), labels.flatten(), weights),
            "loss_bbox": self.box_weight * (ours - theirs).abs().sum() / count,
            "loss_giou": self.giou_weight * (1 - overlap).sum() / count,
        }


def _corners(boxes: Float[Tensor, "G 4"]) -> Float[Tensor, "G 4"]:
    return box_convert(boxes, "cxcywh", "xyxy")
