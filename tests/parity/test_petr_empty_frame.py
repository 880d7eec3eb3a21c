"""A frame without ground truth, where the reference crashes: the definition is the oracle."""

import torch

from drivetr.geometry.boxes import BOX_DIM
from drivetr.models.criterion import SetCriterion
from drivetr.models.matcher import HungarianMatcher
from drivetr.structures.frame import Targets


def losses(logits: torch.Tensor, boxes: torch.Tensor) -> dict[str, torch.Tensor]:
    none = torch.zeros(0, dtype=torch.long)
    targets = [Targets(torch.zeros(0, BOX_DIM), none, none, none, none)]
    outputs = {"pred_logits": logits, "pred_boxes": boxes, "aux_outputs": []}
    return SetCriterion(HungarianMatcher(), num_classes=logits.shape[-1])(outputs, targets, None)


def test_no_ground_truth_gives_no_box_loss_and_a_finite_class_loss() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 5, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    boxes = torch.rand(1, 5, BOX_DIM, generator=generator, dtype=torch.float64, requires_grad=True)
    found = losses(logits, boxes)
    assert found["loss_bbox"] == 0
    assert found["loss_cls"].isfinite()
    # The definition: every logit is background under focal loss, over a count of at least one.
    score = logits.detach().sigmoid()
    expected = 2.0 * (0.75 * score**2 * -(1 - score).log()).sum()
    torch.testing.assert_close(found["loss_cls"].detach(), expected)


def test_gradients_equal_finite_differences() -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(1, 4, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    boxes = torch.rand(1, 4, BOX_DIM, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda *raw: sum(losses(*raw).values()), (logits, boxes))
