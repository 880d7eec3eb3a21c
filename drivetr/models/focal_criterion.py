"""The losses of the focal head (Focal-PETR, arXiv:2212.05505, as StreamPETR trains it)."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name every PyTorch reader expects
from torchvision.ops import box_convert, box_iou, generalized_box_iou_loss

from drivetr.models.focal_targets import ViewTruth, centre_heat, view_truths
from drivetr.models.matcher import Assignment, focal_cost, image_box_cost, least_cost_pairs
from drivetr.structures.cameras import Cameras
from drivetr.structures.frame import Targets

Tokens = dict[str, Tensor]  # by the names that `FocalHead` gives its outputs

_EDGE = 1e-4  # how near to 0 or 1 a centreness may come in its loss


class FocalMatcher:
    """The assignment of least cost between the tokens and the objects of one image.

    Args:
        class_weight: of the focal cost.
        box_weight: of the L1 distance between 2D boxes (0..1).
        giou_weight: of minus the generalised IoU.
        centre_weight: of the L1 distance between 2D centres (0..1).
    """

    def __init__(
        self,
        class_weight: float = 2.0,
        box_weight: float = 5.0,
        giou_weight: float = 2.0,
        centre_weight: float = 10.0,
    ) -> None:
        self.class_weight = class_weight
        self.box_weight = box_weight
        self.giou_weight = giou_weight
        self.centre_weight = centre_weight

    @torch.no_grad()
    def __call__(self, tokens: Tokens, truth: ViewTruth, pad_size: tuple[int, int]) -> Assignment:
        """Matched tokens of one image and the object of each.

        Args:
            tokens: `class_logits` (M,K), `boxes` (M,4) and `centres` (M,2).
            truth: the objects of that image.
            pad_size: (height, width) of the network's input, in pixels.
        """
        boxes, centres = tokens["boxes"], tokens["centres"]
        cost = self.class_weight * focal_cost(tokens["class_logits"], truth.labels)
        cost = cost + image_box_cost(
            boxes, truth.boxes(pad_size), self.box_weight, self.giou_weight
        )
        distance = torch.cdist(centres, truth.centre_shares(pad_size).to(centres), p=1)
        return least_cost_pairs(cost + self.centre_weight * distance)


class FocalCriterion:
    """Quality focal loss and centreness of all tokens; L1 and generalised IoU of the matched ones.

    A token matched to an object is to score the IoU of its 2D box with the object's (generalised
    focal loss, arXiv:2006.04388), every other one zero. All sums are divided by the number of
    matched tokens.

    Args:
        matcher: assigns tokens to objects.
        stride: pixels a feature cell.
        class_weight: of the quality focal loss.
        centreness_weight: of the Gaussian focal loss of the centreness.
        box_weight: of the L1 loss of 2D boxes (0..1).
        giou_weight: of 1 - generalised IoU.
        centre_weight: of the L1 loss of 2D centres (0..1).
    """

    def __init__(
        self,
        matcher: FocalMatcher,
        stride: int = 16,
        class_weight: float = 2.0,
        centreness_weight: float = 1.0,
        box_weight: float = 5.0,
        giou_weight: float = 2.0,
        centre_weight: float = 10.0,
    ) -> None:
        self.matcher = matcher
        self.stride = stride
        self.class_weight = class_weight
        self.centreness_weight = centreness_weight
        self.box_weight = box_weight
        self.giou_weight = giou_weight
        self.centre_weight = centre_weight

    def __call__(
        self,
        tokens: Tokens,
        targets: list[Targets],
        cameras: Cameras,
        mean_over_ranks: Callable[[Tensor], Tensor],
    ) -> dict[str, Tensor]:
        """`loss_cls_2d`, `loss_centreness`, `loss_bbox_2d`, `loss_giou_2d` and `loss_centre_2d`.

        Args:
            tokens: what `FocalHead` returns.
            targets: the 3D ground truth of every frame.
            cameras: of the batch.
            mean_over_ranks: the mean of a count over all processes.
        """
        truths = [t for i, target in enumerate(targets) for t in view_truths(target, cameras, i)]
        rows, columns = tokens["boxes"].shape[2:4]
        heat = torch.stack([centre_heat(t, (rows, columns), self.stride) for t in truths])
        flat = {name: part.flatten(0, 1).flatten(1, 2) for name, part in tokens.items()}
        valid = cameras.valid.flatten()
        image, row, objects = self._match(flat, truths, cameras.pad_size)
        boxes, centres = flat["boxes"][image, row], flat["centres"][image, row]
        found = box_convert(boxes, "cxcywh", "xyxy")
        truth = objects.boxes(cameras.pad_size).to(boxes)
        corners = box_convert(truth, "cxcywh", "xyxy")

        quality = torch.zeros_like(flat["class_logits"])
        quality[image, row, objects.labels] = box_iou(found.detach(), corners).diagonal()
        count = mean_over_ranks(boxes.new_tensor(float(len(row)))).clamp(min=1)
        centreness = flat["centreness_logits"]
        sums = {
            "loss_cls_2d": self.class_weight
            * quality_focal_loss(flat["class_logits"][valid], quality[valid]).sum(),
            "loss_centreness": self.centreness_weight
            * gaussian_focal_loss(centreness[valid], heat.flatten(1)[valid].to(centreness)).sum(),
            "loss_bbox_2d": self.box_weight * (boxes - truth).abs().sum(),
            "loss_giou_2d": self.giou_weight
            * generalized_box_iou_loss(found, corners, reduction="sum"),
            "loss_centre_2d": self.centre_weight
            * (centres - objects.centre_shares(cameras.pad_size).to(centres)).abs().sum(),
        }
        return {name: value / count for name, value in sums.items()}

    def _match(
        self, tokens: Tokens, truths: list[ViewTruth], pad_size: tuple[int, int]
    ) -> tuple[Tensor, Tensor, ViewTruth]:
        """Image and token of every matched pair, and its object, over all images."""
        images, rows, chosen = [], [], []
        for index, truth in enumerate(truths):
            one = {name: part[index] for name, part in tokens.items()}
            row, column = self.matcher(one, truth, pad_size)
            images.append(torch.full_like(row, index))
            rows.append(row)
            chosen.append((truth.labels[column], truth.bounds[column], truth.centres[column]))
        objects = ViewTruth(*(torch.cat(parts) for parts in zip(*chosen, strict=True)))
        return torch.cat(images), torch.cat(rows), objects


def quality_focal_loss(
    logits: Float[Tensor, "*M"], quality: Float[Tensor, "*M"], beta: float = 2.0
) -> Float[Tensor, "*M"]:
    """Cross-entropy towards a quality (0..1), weighted by |quality - score|^beta.

    Equation 3 of generalised focal loss (arXiv:2006.04388).
    """
    entropy = F.binary_cross_entropy_with_logits(logits, quality, reduction="none")
    return entropy * (quality - logits.sigmoid()).abs() ** beta


def gaussian_focal_loss(
    logits: Float[Tensor, "*M"], heat: Float[Tensor, "*M"]
) -> Float[Tensor, "*M"]:
    """Focal loss where the heat is one; beside it background weighs (1 - heat)^4.

    Equation 1 of CenterNet (arXiv:1904.07850), with CornerNet's exponents 2 and 4.
    """
    score = logits.sigmoid().clamp(_EDGE, 1 - _EDGE)
    peak = -score.log() * (1 - score) ** 2
    beside = -(1 - score).log() * score**2 * (1 - heat) ** 4
    return torch.where(heat == 1, peak, beside)
