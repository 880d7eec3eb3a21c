"""The training loop and its batches."""

import itertools

import pytest
import torch
from torch import nn

from drivetr.tour.fit import fit, shuffled


def test_a_line_is_learned():
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 50)[:, None]
    model = nn.Linear(1, 1)
    batches = shuffled((x, 3 * x + 1), 10, torch.Generator().manual_seed(0))
    losses = fit(model, lambda b: (model(b[0]) - b[1]).square().mean(), batches, 300, 0.1, "line")
    assert len(losses) == 300
    assert losses[-1] < 1e-3 < losses[0]
    assert float(model.weight) == pytest.approx(3, abs=0.1)
    assert not model.training


def test_every_row_comes_once_before_one_comes_again():
    rows = (torch.arange(7),)
    stream = shuffled(rows, 3, torch.Generator().manual_seed(0))
    first = torch.cat([batch[0] for batch in itertools.islice(stream, 3)])
    assert sorted(first.tolist()) == list(range(7))
    second = torch.cat([batch[0] for batch in itertools.islice(stream, 3)])
    assert sorted(second.tolist()) == list(range(7))
    assert first.tolist() != second.tolist()
