"""From DETR's outputs to detections: one a query, no non-maximum suppression."""

from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor
from torchvision.ops import box_convert

from drivetr.structures.detections2d import Detections2D


class BestClassPostprocess:
    """The likeliest class of every query that is not "no object" (DETR's PostProcess)."""

    @torch.no_grad()
    def __call__(
        self, outputs: dict[str, Any], image_sizes: Int[Tensor, "B 2"]
    ) -> list[Detections2D]:
        """Detections of every image, in the order of the queries.

        Args:
            outputs: of `drivetr.models.detr.DETR`.
            image_sizes: height and width in pixels that the boxes are to be in.
        """
        scores, labels = outputs["pred_logits"].float().softmax(-1)[..., :-1].max(-1)
        corners = box_convert(outputs["pred_boxes"].float(), "cxcywh", "xyxy")
        height, width = image_sizes.to(corners).unbind(1)
        boxes = corners * torch.stack([width, height, width, height], dim=1)[:, None]
        return [Detections2D(*parts) for parts in zip(boxes, scores, labels, strict=True)]
