"""Losses and answers of classifiers against their definitions."""

import math

import pytest
import torch

from drivetr.models.classification import CrossEntropy, LikeliestWords, Probabilities


def test_cross_entropy_by_hand():
    logits = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    loss = CrossEntropy()(logits, torch.tensor([0, 0]))["loss_cls"]
    expected = (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(2))) / 2
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_smoothing_spreads_a_share_over_all_classes():
    logits, label = torch.tensor([[1.0, 0.0, -1.0]]), torch.tensor([0])
    log = logits.log_softmax(-1)[0]
    expected = -(0.7 * log[0] + 0.3 * log.mean())
    loss = CrossEntropy(label_smoothing=0.3)(logits, label)["loss_cls"]
    torch.testing.assert_close(loss, expected)


def test_ignored_places_teach_nothing():
    logits, labels = torch.randn(2, 4, 5, requires_grad=True), torch.randint(1, 5, (2, 4))
    labels[0, 2:] = 0
    loss = CrossEntropy(ignored=0)(logits, labels)["loss_cls"]
    kept = labels != 0
    torch.testing.assert_close(loss, CrossEntropy()(logits[kept], labels[kept])["loss_cls"])
    loss.backward()
    assert not logits.grad[0, 2:].any()


def test_answers():
    logits = torch.tensor([[math.log(3.0), 0.0], [0.0, 0.0]])
    first, second = Probabilities()(logits)
    torch.testing.assert_close(first, torch.tensor([0.75, 0.25]))
    torch.testing.assert_close(second, torch.tensor([0.5, 0.5]))
    words = LikeliestWords()(torch.eye(4)[None, [2, 0, 3]])
    assert [w.tolist() for w in words] == [[2, 0, 3]]
