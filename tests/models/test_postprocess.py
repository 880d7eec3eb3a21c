"""Decoding against a loop over queries and classes."""

import torch

from drivetr.models.multi_view import BLIND_LOGIT
from drivetr.models.postprocess import TopKPostprocess
from tests.models.samples import make_targets


def test_equals_a_loop():
    torch.manual_seed(0)
    boxes = make_targets(30, reach=70.0).boxes
    logits = torch.randn(30, 10)
    span = (-61.2, -61.2, -10.0, 61.2, 61.2, 10.0)
    got = TopKPostprocess(50, span)({"pred_logits": logits[None], "pred_boxes": boxes[None]})[0]
    pairs = [(logits[q, k].sigmoid().item(), q, k) for q in range(30) for k in range(10)]
    kept = [
        (score, q, k)
        for score, q, k in sorted(pairs, reverse=True)[:50]
        if boxes[q, :2].abs().max() <= 61.2
    ]
    assert 0 < len(kept) < 50, "the range must cut something"
    assert got.labels.tolist() == [k for _, _, k in kept]
    torch.testing.assert_close(got.scores, torch.tensor([s for s, _, _ in kept]))
    torch.testing.assert_close(got.boxes, boxes[[q for _, q, _ in kept]])
    assert got.queries.tolist() == [q for _, q, _ in kept]


def test_nothing_seen_gives_no_boxes():
    logits = torch.full((1, 5, 10), BLIND_LOGIT)
    got = TopKPostprocess()({"pred_logits": logits, "pred_boxes": make_targets(5).boxes[None]})
    assert len(got[0]) == 0


def test_boxes_tell_the_query_they_come_from():
    torch.manual_seed(0)
    boxes, logits = make_targets(6).boxes, torch.randn(6, 10)
    outputs = {"pred_logits": logits[None], "pred_boxes": boxes[None]}
    assert TopKPostprocess()(outputs)[0].ids is None
    numbers = torch.tensor([[40, 41, 7, 42, 8, 43]])
    got = TopKPostprocess()({**outputs, "ids": numbers})[0]
    assert len(got) == 60
    for box, number in zip(got.boxes, got.ids, strict=True):
        assert torch.equal(box, boxes[numbers[0].tolist().index(int(number))])
