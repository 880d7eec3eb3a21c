"""The random generators of a process."""

import random

import numpy as np
import pytest
import torch

from drivetr.engine.gather import gathered
from drivetr.engine.rng import rng_state, seed_everything, set_rng_state

CPU = torch.device("cpu")


def draws() -> list[float]:
    uniform = [random.random(), np.random.rand(), torch.rand(()).item()]
    return uniform + [random.gauss(0, 1), np.random.randn(), torch.randn(()).item()]


@pytest.mark.parametrize("before", [0, 1, 2, 700])
def test_state_brings_back_the_same_draws(before):
    seed_everything(before)
    for _ in range(before):
        draws()  # odd numbers leave half of a pair of normal draws behind
    saved = rng_state(CPU)
    expected = [draws() for _ in range(3)]
    seed_everything(99)
    draws()
    set_rng_state(saved, CPU)
    assert [draws() for _ in range(3)] == expected


def test_seed():
    seed_everything(5)
    first = draws()
    seed_everything(5)
    assert draws() == first
    seed_everything(6)
    assert all(a != b for a, b in zip(draws(), first, strict=True))


def test_one_process():
    (only,) = gathered(rng_state(CPU))
    assert all(isinstance(value, torch.Tensor) for value in only.values())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_cuda():
    device = torch.device("cuda", 0)
    saved = rng_state(device)
    expected = torch.rand(3, device=device)
    set_rng_state(saved, device)
    torch.testing.assert_close(torch.rand(3, device=device), expected, rtol=0, atol=0)
