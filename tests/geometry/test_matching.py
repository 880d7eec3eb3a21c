"""Detections to objects by centre distance."""

import torch

from drivetr.geometry.matching import match_centres


def test_the_best_scored_chooses_first():
    found = torch.tensor([[0.0, 0.0], [0.5, 0.0], [9.0, 9.0]])
    truth = torch.tensor([[0.6, 0.0], [-1.0, 0.0]])
    got = match_centres(found, torch.tensor([0.9, 0.3, 0.8]), truth, 2.0)
    assert got.tolist() == [0, 1, -1]
    got = match_centres(found, torch.tensor([0.3, 0.9, 0.8]), truth, 2.0)
    assert got.tolist() == [1, 0, -1]


def test_limit_is_not_met_by_equality():
    found, truth = torch.tensor([[2.0, 0.0]]), torch.zeros(1, 2)
    assert match_centres(found, torch.ones(1), truth, 2.0).tolist() == [-1]
    assert match_centres(found, torch.ones(1), truth, 2.1).tolist() == [0]


def test_each_object_once_and_empty():
    found = torch.zeros(3, 2)
    assert sorted(match_centres(found, torch.ones(3), torch.zeros(2, 2), 1.0).tolist()) == [
        -1,
        0,
        1,
    ]
    assert match_centres(found, torch.ones(3), torch.zeros(0, 2), 1.0).tolist() == [-1] * 3
    assert match_centres(torch.zeros(0, 2), torch.ones(0), found, 1.0).shape == (0,)
