"""Tensors of one process; those of two are gathered in `test_training.py`."""

import torch

from drivetr.engine.gather import gathered


def test_one_process_has_its_own():
    mine = {"a": torch.ones(2, requires_grad=True), "flag": torch.tensor(True)}
    (only,) = gathered(mine)
    assert only.keys() == mine.keys()
    assert torch.equal(only["a"], torch.ones(2))
    assert not only["a"].requires_grad


def test_nothing_of_a_process_that_has_nothing():
    assert gathered({}) == [{}]
