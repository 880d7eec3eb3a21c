"""Losses against plain loops, finite differences and the cases that break trainings."""

import pytest
import torch

from drivetr.geometry.boxes import VELOCITY
from drivetr.models.criterion import PETR_CODE_WEIGHTS, SetCriterion
from drivetr.models.denoising import QueryDenoising
from drivetr.models.matcher import HungarianMatcher
from tests.models.samples import make_cameras, make_targets


def make_outputs(batch: int, num_queries: int = 12, dtype=torch.float32):
    generator = torch.Generator().manual_seed(1)
    boxes = torch.stack([make_targets(num_queries, seed=20 + i).boxes for i in range(batch)])
    logits = torch.randn(batch, num_queries, 10, generator=generator)
    return {
        "pred_logits": logits.to(dtype).requires_grad_(),
        "pred_boxes": boxes.to(dtype).requires_grad_(),
        "aux_outputs": [],
    }


def test_equals_a_plain_loop():
    outputs, targets = make_outputs(2), [make_targets(3), make_targets(5, seed=2)]
    matcher = HungarianMatcher()
    losses = SetCriterion(matcher)(outputs, targets, make_cameras(2))
    classes = boxes = 0.0
    for i, target in enumerate(targets):
        logits, predicted = outputs["pred_logits"][i].double(), outputs["pred_boxes"][i].double()
        label = torch.full((12,), 10)
        rows, columns = matcher(outputs["pred_logits"][i], outputs["pred_boxes"][i], target)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            label[row] = target.labels[column]
            a, b = predicted[row].clone(), target.boxes[column].double().clone()
            a[3:6], b[3:6] = a[3:6].log(), b[3:6].log()
            boxes += ((a - b).abs() * torch.tensor(PETR_CODE_WEIGHTS)).sum() * 0.25
        for q in range(12):
            for k in range(10):
                p = logits[q, k].sigmoid()
                positive = label[q] == k
                classes += (
                    -0.25 * (1 - p) ** 2 * p.log() if positive else -0.75 * p**2 * (1 - p).log()
                ) * 2
    assert float(losses["loss_cls"]) == pytest.approx(float(classes) / 8, rel=1e-5)
    assert float(losses["loss_bbox"]) == pytest.approx(float(boxes) / 8, rel=1e-5)


@pytest.mark.parametrize("counts", [(0, 0), (0, 4)])
def test_frames_without_objects_teach_background_only(counts):
    """A finite class loss, no box loss for the empty frame, checked by finite differences."""
    targets = [make_targets(c) for c in counts]
    outputs = make_outputs(2, num_queries=3, dtype=torch.float64)
    criterion = SetCriterion(HungarianMatcher())

    def total(logits, boxes):
        layer = {"pred_logits": logits, "pred_boxes": boxes, "aux_outputs": []}
        return sum(criterion(layer, targets, make_cameras(2)).values())

    inputs = (outputs["pred_logits"], outputs["pred_boxes"])
    assert torch.autograd.gradcheck(total, inputs, atol=1e-4)
    total(*inputs).backward()
    assert (outputs["pred_boxes"].grad[0] == 0).all()
    assert (outputs["pred_logits"].grad[0] != 0).any()


@pytest.mark.parametrize("masked", [True, False])
def test_unknown_velocity(masked):
    """Masked, other columns go on learning; as published, the box leaves the L1 loss."""
    target = make_targets(4)
    target.boxes[1, VELOCITY] = torch.nan
    outputs = make_outputs(1)
    matcher = HungarianMatcher()
    rows, columns = matcher(outputs["pred_logits"][0], outputs["pred_boxes"][0], target)
    row = rows[columns == 1].item()
    losses = SetCriterion(matcher, mask_unknown_velocity=masked)(outputs, [target], make_cameras())
    losses["loss_bbox"].backward()
    gradient = outputs["pred_boxes"].grad[0, row]
    assert gradient.isfinite().all()
    assert (gradient[VELOCITY] == 0).all()
    assert bool((gradient[:6] != 0).all()) is masked


def test_denoising_losses_and_masks():
    torch.manual_seed(0)
    targets = [make_targets(3), make_targets(1, seed=4)]
    noised = QueryDenoising(10, (-25.0, -25.0, -5.0, 25.0, 25.0, 3.0), groups=4)(targets)
    assert noised.reference.shape == (2, 12, 3)
    assert noised.valid.sum(1).tolist() == [12, 4]
    mask = noised.attention_mask(12 + 5)[0, 0]
    assert not mask[12:, :12].any(), "matched queries must not see the truth"
    assert mask[12:, 12:].all()
    assert mask[:3, :3].all()
    assert not mask[:3, 3:12].any(), "groups must not see each other"
    logits = torch.randn(2, 12, 10)
    perfect = {"pred_logits": logits, "pred_boxes": noised.boxes.clone()}
    outputs = {**make_outputs(2), "denoising": {"noised": noised, "layers": [perfect]}}
    losses = SetCriterion(HungarianMatcher())(outputs, targets, make_cameras(2))
    assert losses["dn0.loss_bbox"].item() == pytest.approx(0.0, abs=1e-5)
    assert losses["dn0.loss_cls"] > 0


def test_denoising_without_any_object():
    noised = QueryDenoising(10, (-25.0, -25.0, -5.0, 25.0, 25.0, 3.0))([make_targets(0)] * 2)
    assert noised.reference.shape == (2, 0, 3)
    assert noised.attention_mask(4).all()


@pytest.mark.parametrize("split", [0.0, 1.1])
def test_denoising_knows_the_share_of_positives_for_a_ball_within_the_cube_only(split):
    with pytest.raises(ValueError, match=f"split is {split}"):
        QueryDenoising(10, (-1.0, -1.0, -1.0, 1.0, 1.0, 1.0), split=split)


def test_more_objects_than_queries_is_said_once_and_stays_finite(caplog):
    outputs, criterion = make_outputs(1, num_queries=4), SetCriterion(HungarianMatcher())
    for _ in range(2):
        losses = criterion(outputs, [make_targets(30)], make_cameras(1))
        total = sum(losses.values())
        total.backward()
        assert total.isfinite()
    assert outputs["pred_boxes"].grad.isfinite().all()
    assert [r.getMessage()[:25] for r in caplog.records] == ["a frame has 30 objects and"[:25]]
