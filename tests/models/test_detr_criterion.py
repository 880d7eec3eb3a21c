"""DETR's assignment against all permutations, its losses against loops."""

import itertools
import math

import pytest
import torch

from drivetr.models.detr_criterion import DetrCriterion, ImageBoxMatcher
from drivetr.structures.targets2d import Targets2D

CLASSES, QUERIES = 3, 5


def draw_boxes(count: int, seed: int) -> torch.Tensor:
    centres, sizes = torch.rand(2, count, 2, generator=torch.Generator().manual_seed(seed))
    return torch.cat([0.3 + 0.4 * centres, 0.1 + 0.4 * sizes], dim=1)


def draw_logits(seed: int) -> torch.Tensor:
    return torch.randn(QUERIES, CLASSES + 1, generator=torch.Generator().manual_seed(seed))


def giou(one: list[float], other: list[float]) -> float:
    """Generalised IoU of two boxes (centre, size)."""
    inner = outer = 1.0
    for axis in (0, 1):
        low, low2 = (box[axis] - box[axis + 2] / 2 for box in (one, other))
        high, high2 = (box[axis] + box[axis + 2] / 2 for box in (one, other))
        inner *= max(0.0, min(high, high2) - max(low, low2))
        outer *= max(high, high2) - min(low, low2)
    union = one[2] * one[3] + other[2] * other[3] - inner
    return inner / union - (outer - union) / outer


def pair_cost(logits: list[float], box: list[float], label: int, truth: list[float]) -> float:
    """With the published weights 1, 5 and 2."""
    share = math.exp(logits[label]) / sum(math.exp(x) for x in logits)
    distance = sum(abs(x - y) for x, y in zip(box, truth, strict=True))
    return -share + 5 * distance - 2 * giou(box, truth)


@pytest.mark.parametrize("seed", range(4))
def test_no_other_assignment_costs_less(seed: int) -> None:
    logits, boxes = draw_logits(seed), draw_boxes(QUERIES, 10 + seed)
    target = Targets2D(draw_boxes(3, 20 + seed), torch.tensor([2, 0, 2]))
    rows, columns = ImageBoxMatcher()(logits, boxes, target)
    truth = list(zip(target.labels.tolist(), target.boxes.tolist(), strict=True))

    def total(chosen: tuple[int, ...]) -> float:
        return sum(
            pair_cost(logits[q].tolist(), boxes[q].tolist(), *truth[g])
            for g, q in enumerate(chosen)
        )

    best = min(itertools.permutations(range(QUERIES), 3), key=total)
    found = dict(zip(columns.tolist(), rows.tolist(), strict=True))
    assert tuple(found[g] for g in range(3)) == best


def test_losses_of_a_layer() -> None:
    """Two images, the second one without objects; two objects in all."""
    logits = torch.stack([draw_logits(0), draw_logits(1)])
    boxes = torch.stack([draw_boxes(QUERIES, 2), draw_boxes(QUERIES, 3)])
    truth, labels = draw_boxes(2, 4), torch.tensor([1, 0])
    targets = [
        Targets2D(truth, labels),
        Targets2D(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long)),
    ]
    outputs = {"pred_logits": logits, "pred_boxes": boxes, "aux_outputs": []}
    found = DetrCriterion(ImageBoxMatcher(), CLASSES, 3.0, 5.0, 2.0, 0.25)(outputs, targets)

    rows, columns = ImageBoxMatcher()(logits[0], boxes[0], targets[0])
    told = {(0, q): labels[g].item() for q, g in zip(rows.tolist(), columns.tolist(), strict=True)}
    entropy = weight = 0.0
    for image in range(2):
        for query in range(QUERIES):
            label = told.get((image, query), CLASSES)
            own = 0.25 if label == CLASSES else 1.0
            row = logits[image, query].tolist()
            entropy += own * (math.log(sum(map(math.exp, row))) - row[label])
            weight += own
    pairs = [
        (boxes[0, q].tolist(), truth[g].tolist())
        for q, g in zip(rows.tolist(), columns.tolist(), strict=True)
    ]
    distance = sum(abs(x - y) for pair in pairs for x, y in zip(*pair, strict=True))
    apart = sum(1 - giou(*pair) for pair in pairs)
    assert found["loss_cls"].item() == pytest.approx(3 * entropy / weight, rel=1e-5)
    assert found["loss_bbox"].item() == pytest.approx(5 * distance / 2, rel=1e-5)
    assert found["loss_giou"].item() == pytest.approx(2 * apart / 2, rel=1e-5)


def test_earlier_layers_have_the_same_losses_under_their_own_names() -> None:
    layer = {"pred_logits": draw_logits(0)[None], "pred_boxes": draw_boxes(QUERIES, 1)[None]}
    target = [Targets2D(draw_boxes(2, 2), torch.tensor([1, 0]))]
    losses = DetrCriterion(ImageBoxMatcher(), CLASSES)({**layer, "aux_outputs": [layer]}, target)
    names = ("loss_cls", "loss_bbox", "loss_giou")
    assert losses.keys() == {*names, *(f"d0.{name}" for name in names)}
    assert all(torch.equal(losses[name], losses[f"d0.{name}"]) for name in names)
