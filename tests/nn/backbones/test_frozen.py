"""Frozen parts stay frozen in whatever mode their network is put."""

import torch
from torch import nn

from drivetr.nn.backbones.frozen import PartlyFrozen


class Small(PartlyFrozen):
    """Three layers, of which a test freezes some."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.norm = nn.BatchNorm2d(2)
        self.last = nn.Linear(2, 2)


def learning(model: nn.Module) -> set[str]:
    return {name.split(".")[0] for name, p in model.named_parameters() if p.requires_grad}


def test_nothing_is_frozen_unless_asked() -> None:
    model = Small().train()
    assert learning(model) == {"first", "norm", "last"}
    assert model.norm.training


def test_a_part_and_the_norms() -> None:
    model = Small()
    model.freeze(["first"], norm=True)
    for mode in (True, False, True):
        assert model.train(mode) is model
        assert learning(model) == {"last"}
        assert (model.first.training, model.norm.training) == (False, False)
        assert model.last.training is mode
    before = model.norm.running_mean.clone()
    model.norm(torch.randn(4, 2, 3, 3) + 5)
    assert torch.equal(model.norm.running_mean, before)
