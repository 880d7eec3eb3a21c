"""Which of two sets of weights is read, in the forms that other programs write."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import EMAHook
from mmengine.model import ExponentialMovingAverage
from torch import nn

from drivetr.nn.weight_averages import ONLY, chosen_weights


def net(value: float) -> nn.Module:
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    nn.init.constant_(model[0].weight, value)
    return model


def mmcv_state(trained: nn.Module, averaged: nn.Module) -> dict:
    """As mmcv's EMAHook registers its buffers: one a parameter, dots as underscores."""
    twins = {f"ema_{k.replace('.', '_')}": p.data for k, p in averaged.named_parameters()}
    return trained.state_dict() | twins


def mmengine_file(trained: nn.Module, averaged: nn.Module) -> dict:
    """What mmengine's own hook makes of a checkpoint."""
    hook = EMAHook()
    hook.ema_model = ExponentialMovingAverage(averaged)
    content = {"state_dict": trained.state_dict(), "meta": {}}
    hook.before_save_checkpoint(SimpleNamespace(iter=1, epoch=1), content)
    return content


FILES = {
    "mmcv": lambda t, a: {"state_dict": mmcv_state(t, a), "meta": {}},
    "mmengine": mmengine_file,
    "drivetr": lambda t, a: {"model": t.state_dict(), "ema": a.state_dict()},
}


@pytest.mark.parametrize("program", FILES)
@pytest.mark.parametrize("averaged", [True, False])
def test_the_set_that_is_asked_for(program, averaged):
    content = FILES[program](net(1.0), net(2.0))
    state, told = chosen_weights(content, averaged)
    assert float(state["0.weight"]) == (2.0 if averaged else 1.0)
    assert set(state) == set(net(0.0).state_dict())
    assert ("averaged" in told) is averaged


@pytest.mark.parametrize("wrap", [dict, lambda w: {"state_dict": w}, lambda w: {"model": w}])
def test_files_with_one_set(wrap):
    weights = net(1.0).state_dict()
    for averaged in (True, False):
        state, told = chosen_weights(wrap(weights), averaged)
        assert dict(state) == dict(weights)
        assert told == ONLY


def test_a_name_that_only_begins_like_an_average_stays():
    state, told = chosen_weights({"ema_gate": torch.zeros(1), "a.b": torch.ones(1)}, True)
    assert set(state) == {"ema_gate", "a.b"}
    assert told == ONLY


def test_something_else_comes_back_as_it_is():
    assert chosen_weights([1], True) == ([1], ONLY)
