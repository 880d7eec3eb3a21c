"""The set loss of PETR: focal for classes, L1 for box codes, at every decoder layer."""

import logging
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torchvision.ops import sigmoid_focal_loss

from drivetr.geometry.box_codes import BOX_CODES, code_from_boxes
from drivetr.geometry.boxes import BOX_DIM, VELOCITY
from drivetr.models.focal_criterion import FocalCriterion
from drivetr.models.matcher import Assignment, HungarianMatcher
from drivetr.models.name_criterion import NameCriterion
from drivetr.models.token_criterion import TokenCriterion
from drivetr.structures.cameras import Cameras
from drivetr.structures.frame import Targets

# PETR's code_weights: velocity, which one image hardly shows, counts a fifth.
PETR_CODE_WEIGHTS = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.2, 0.2)
Losses = dict[str, Tensor]
_logger = logging.getLogger(__name__)


def mean_over_ranks(count: Tensor) -> Tensor:
    """The mean of a count over all processes, so that every rank divides by the same number."""
    if dist.is_available() and dist.is_initialized():
        count = count.clone()
        dist.all_reduce(count)
        count = count / dist.get_world_size()
    return count


class SetCriterion:
    """Losses of matched queries, of denoising queries and of image tokens, whichever there are.

    Args:
        matcher: assigns queries to ground truth.
        num_classes: K.
        class_weight: of the focal loss.
        box_weight: of the L1 loss.
        code_weights: of the columns (x, y, z, log l, log w, log h, sin, cos, vx, vy).
        mask_unknown_velocity: a box without velocity still teaches its other columns. The published
            trainings drop such a box from the L1 loss altogether; False reproduces that.
        tokens: the loss of a depth head's tokens.
        names: the losses of a head with named classes, in the place of the focal loss of classes.
        focal: the losses of a focal head's tokens.
    """

    def __init__(  # noqa: PLR0913 - weights, and the parts of the loss
        self,
        matcher: HungarianMatcher,
        num_classes: int = 10,
        class_weight: float = 2.0,
        box_weight: float = 0.25,
        code_weights: tuple[float, ...] = PETR_CODE_WEIGHTS,
        mask_unknown_velocity: bool = True,
        tokens: TokenCriterion | None = None,
        names: NameCriterion | None = None,
        focal: FocalCriterion | None = None,
    ) -> None:
        self.matcher = matcher
        self.num_classes = num_classes
        self.class_weight = class_weight
        self.box_weight = box_weight
        self.code_weights = code_weights
        self.mask_unknown_velocity = mask_unknown_velocity
        self.tokens = tokens
        self.names = names
        self.focal = focal
        self._has_warned = False

    def __call__(self, outputs: dict[str, Any], targets: list[Targets], cameras: Cameras) -> Losses:
        """Weighted losses to be summed.

        `loss_cls` and `loss_bbox` of the last layer, `d{i}.*` of the earlier ones, `dn{i}.*` of
        every layer's denoising queries, those of the `TokenCriterion`, the `NameCriterion` and
        the `FocalCriterion`.

        Raises:
            ValueError: there are denoising queries and named classes, which have no loss for them.
        """
        losses: Losses = {}
        layers = [*outputs["aux_outputs"], outputs]
        for index, layer in enumerate(layers):
            prefix = "" if index == len(layers) - 1 else f"d{index}."
            matched = self._matched_losses(layer, targets, outputs.get("anchors"))
            losses |= {prefix + name: value for name, value in matched.items()}
        if "denoising" in outputs:
            if self.names is not None:
                raise ValueError("denoising queries do not learn names; leave one of the two out")
            noised = outputs["denoising"]["noised"]
            for index, layer in enumerate(outputs["denoising"]["layers"]):
                denoised = self._denoising_losses(layer, noised)
                losses |= {f"dn{index}.{name}": value for name, value in denoised.items()}
        if self.tokens is not None:
            losses |= self.tokens(outputs["tokens"], targets, cameras, mean_over_ranks)
        if self.focal is not None:
            losses |= self.focal(outputs["focal"], targets, cameras, mean_over_ranks)
        return losses

    def _matched_losses(
        self, layer: dict[str, Tensor], targets: list[Targets], anchors: Tensor | None
    ) -> Losses:
        logits, boxes = layer["pred_logits"], layer["pred_boxes"]
        labels = torch.full(logits.shape[:2], self.num_classes, device=logits.device)
        truth = boxes.new_full(boxes.shape, torch.nan)  # B Q 10
        pairs = []
        for i, target in enumerate(targets):
            self._warn_of_too_many(len(target), logits.shape[1])
            rows, columns = self._match(layer, i, target, anchors)
            labels[i, rows] = target.labels[columns]
            truth[i, rows] = target.boxes[columns].to(truth)
            pairs.append((rows, columns))
        matched = labels < self.num_classes
        count = mean_over_ranks(matched.sum().float()).clamp(min=1)
        box_loss = {"loss_bbox": self._box_loss(boxes[matched], truth[matched]) / count}
        if self.names is not None:
            return self.names(layer, pairs, targets, count) | box_loss
        return {
            "loss_cls": self._class_loss(logits.flatten(0, 1), labels.flatten()) / count
        } | box_loss

    def _match(
        self, layer: dict[str, Tensor], index: int, target: Targets, anchors: Tensor | None
    ) -> Assignment:
        logits = layer["pred_logits"][index]
        if self.names is not None:
            logits, target = self.names.matched_as(layer, index, target)
        start = None if anchors is None else anchors[index]
        return self.matcher(logits, layer["pred_boxes"][index], target, start)

    def _warn_of_too_many(self, objects: int, queries: int) -> None:
        if objects > queries and not self._has_warned:
            self._has_warned = True
            _logger.warning(
                "a frame has %d objects and the detector only %d queries; the objects that stay"
                " unmatched teach nothing (told only once)",
                objects,
                queries,
            )

    def _denoising_losses(self, layer: dict[str, Tensor], noised: Any) -> Losses:
        valid: Bool[Tensor, "B D"] = noised.valid
        count = mean_over_ranks(valid.sum().float()).clamp(min=1)
        classes = self._class_loss(layer["pred_logits"][valid], noised.labels[valid])
        boxes = self._box_loss(layer["pred_boxes"][valid], noised.boxes[valid])
        return {
            "loss_cls": classes / (count * noised.positive_share),
            "loss_bbox": boxes / count,
        }

    def _class_loss(self, logits: Float[Tensor, "Q K"], labels: Int[Tensor, "Q"]) -> Tensor:
        """Sum of the sigmoid focal loss (alpha 0.25, gamma 2); label K is background."""
        classes = torch.arange(self.num_classes, device=labels.device)
        target = (labels[:, None] == classes).to(logits.dtype)
        return self.class_weight * sigmoid_focal_loss(logits, target, reduction="sum")

    def _box_loss(self, boxes: Float[Tensor, "P 10"], truth: Float[Tensor, "P 10"]) -> Tensor:
        """Weighted sum of absolute differences of box codes, where the truth is known."""
        code = code_from_boxes(boxes, BOX_CODES["drivetr"])
        target = code_from_boxes(truth.to(boxes), BOX_CODES["drivetr"])
        known = target.isfinite()
        other = known[:, : VELOCITY.start].all(-1, keepdim=True)
        if self.mask_unknown_velocity:
            known = known & other
        else:
            known = known.all(-1, keepdim=True).expand(-1, BOX_DIM)
        # Selecting, not multiplying by zero: 0 * NaN is NaN in the gradient as well.
        difference = torch.where(known, code - torch.where(known, target, 0.0), 0.0).abs()
        return self.box_weight * (difference * code.new_tensor(self.code_weights)).sum()
