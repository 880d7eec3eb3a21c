"""Rows of letters: what positions change in attention."""

import numpy as np
import pytest
import torch

from drivetr.nn.attention import MultiheadAttention
from drivetr.tour.attention import WORD, compute, look, row_positions


@pytest.fixture
def case():
    torch.manual_seed(0)
    return MultiheadAttention(8, 1).eval(), torch.randn(5, 8), torch.tensor([4, 2, 0, 1, 3])


def test_equal_letters_have_equal_rows_until_they_have_places(settings):
    data = compute(settings)
    first, second = (i for i, letter in enumerate(WORD) if letter == "n")
    without, placed = (np.array(data[name]["weights"]) for name in ("without", "with"))
    np.testing.assert_allclose(without.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(without[first], without[second], atol=1e-6)
    assert np.abs(placed[first] - placed[second]).max() > 0.01


def test_outputs_follow_a_shuffle_only_without_places(case):
    found = look(*case)
    assert found["without"]["change"] < 1e-6
    assert found["with"]["change"] > 1e-3


def test_a_weight_changes_the_matrix(case):
    attention, tokens, shuffle = case
    before = look(attention, tokens, shuffle)["without"]["weights"]
    with torch.no_grad():
        attention.in_proj_weight[0, 0] += 1
    assert not torch.allclose(look(attention, tokens, shuffle)["without"]["weights"], before)


def test_places_differ_from_each_other():
    places = row_positions(6, 32)
    assert places.shape == (6, 32)
    assert torch.pdist(places).min() > 0.1
