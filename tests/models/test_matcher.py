"""Assignment against all permutations."""

from itertools import permutations

import pytest
import torch

from drivetr.models.matcher import HungarianMatcher, focal_cost
from tests.models.samples import make_targets


def predictions(num_queries: int):
    generator = torch.Generator().manual_seed(3)
    boxes = make_targets(num_queries, seed=5).boxes
    return torch.randn(num_queries, 10, generator=generator), boxes


def test_finds_the_least_total_cost():
    logits, boxes = predictions(6)
    targets = make_targets(4)
    matcher = HungarianMatcher(anchor_weight=0.1)
    anchors = torch.randn(6, 3)
    rows, columns = matcher(logits, boxes, targets, anchors)
    cost = matcher.cost(logits, boxes, targets, anchors)
    least = min(sum(cost[row, i] for i, row in enumerate(p)) for p in permutations(range(6), 4))
    assert cost[rows, columns].sum() == pytest.approx(float(least), rel=1e-6)
    assert sorted(columns.tolist()) == [0, 1, 2, 3]


def test_more_objects_than_queries_match_a_subset():
    logits, boxes = predictions(3)
    rows, columns = HungarianMatcher()(logits, boxes, make_targets(9))
    assert rows.tolist() == [0, 1, 2]
    assert len(set(columns.tolist())) == 3


def test_no_objects():
    logits, boxes = predictions(3)
    rows, columns = HungarianMatcher()(logits, boxes, make_targets(0))
    assert len(rows) == len(columns) == 0


def test_unknown_velocity_is_no_part_of_the_cost():
    logits, boxes = predictions(4)
    targets = make_targets(3)
    targets.boxes[:, 8:] = torch.nan
    assert HungarianMatcher().cost(logits, boxes, targets).isfinite().all()


def test_focal_cost_prefers_the_confident_query():
    logits = torch.tensor([[4.0, -4.0], [-4.0, 4.0]])
    cost = focal_cost(logits, torch.tensor([0, 1]))
    assert cost.argmin(0).tolist() == [0, 1]


def test_code_weights_multiply_both_sides_of_the_distance():
    """As StreamPETR's `match_costs`; velocity stays no part of the distance."""
    logits, boxes = predictions(3)
    targets = make_targets(2)
    weights = (2.0, 3.0, 1.0, 0.5, 1.0, 1.0, 1.0, 4.0, 9.0, 9.0)
    weighed = HungarianMatcher(0.0, 0.25, code_weights=weights).cost(logits, boxes, targets)
    for q in range(3):
        for g in range(2):
            a, b = boxes[q].clone(), targets.boxes[g].clone()
            a[3:6], b[3:6] = a[3:6].log(), b[3:6].log()
            distance = sum(
                w * abs(float(x - y)) for w, x, y in zip(weights[:8], a, b, strict=False)
            )
            assert float(weighed[q, g]) == pytest.approx(0.25 * distance, rel=1e-5)
