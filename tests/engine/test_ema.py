"""The average of the weights."""

import pytest
import torch
from torch import nn

from drivetr.engine.ema import Ema, EmaSettings


def test_values_by_hand():
    module = nn.Linear(1, 1, bias=False)
    nn.init.constant_(module.weight, 0.0)
    ema = Ema(module, EmaSettings(decay=0.9, warmup=False))
    for iteration, value in enumerate([1.0, 2.0]):
        nn.init.constant_(module.weight, value)
        ema.update(module, iteration)
    assert ema.state["weight"].item() == pytest.approx(0.9 * (0.9 * 0 + 0.1 * 1) + 0.1 * 2)
    assert module.weight.item() == 2.0


def test_warmup_forgets_the_start():
    settings = EmaSettings(decay=0.999)
    assert settings.at(0) == pytest.approx(0.1)
    assert settings.at(90) == pytest.approx(0.91)
    assert settings.at(10**6) == 0.999


def test_counters_are_copied():
    norm = nn.BatchNorm1d(2)
    ema = Ema(norm, EmaSettings())
    norm(torch.randn(4, 2))
    ema.update(norm, 0)
    assert ema.state["num_batches_tracked"] == 1
    assert not torch.equal(ema.state["running_mean"], torch.zeros(2))


def test_goes_on_from_a_saved_average():
    module = nn.Linear(3, 3)
    first, second = (Ema(module, EmaSettings()) for _ in range(2))
    nn.init.normal_(module.weight)
    first.update(module, 0)
    second.load_state_dict({k: v.clone() for k, v in first.state.items()})
    for ema in (first, second):
        ema.update(module, 1)
    torch.testing.assert_close(first.state, second.state, rtol=0, atol=0)
