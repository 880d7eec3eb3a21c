"""Rollout against sums over all paths, and what it must keep."""

import itertools

import pytest
import torch

from drivetr.nn.attention_rollout import rollout


def random_layers(count: int, batch: int = 2, heads: int = 3, tokens: int = 4):
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(batch, heads, tokens, tokens, generator=generator).softmax(-1)
        for _ in range(count)
    ]


def test_equals_the_sum_over_all_paths():
    """From token i of the last layer to token j of the input, step by step through each layer."""
    layers = random_layers(3)
    got = rollout(layers)
    for image, i, j in itertools.product(range(2), range(4), range(4)):
        expected = 0.0
        for a, b in itertools.product(range(4), repeat=2):
            share = 1.0
            for layer, (to, start) in zip(layers, [(b, j), (a, b), (i, a)], strict=True):
                seen = sum(float(layer[image, head, to, start]) for head in range(3)) / 3
                share *= 0.5 * seen + 0.5 * (to == start)
            expected += share
        assert got[image, i, j].item() == pytest.approx(expected, abs=1e-6)


def test_rows_sum_to_one():
    torch.testing.assert_close(rollout(random_layers(5)).sum(-1), torch.ones(2, 4))


def test_the_order_of_layers_counts():
    layers = random_layers(2)
    assert not torch.allclose(rollout(layers), rollout(layers[::-1]))


def test_no_layers():
    with pytest.raises(ValueError, match="no layers"):
        rollout([])
