"""Attention to two moments against two attentions, each alone."""

import pytest
import torch
from torch import Tensor

from drivetr.nn.position import Position
from drivetr.nn.two_moments import TwoMomentAttention

B, Q, M, C, HEADS = 2, 3, 5, 16, 4


@pytest.fixture
def attention() -> TwoMomentAttention:
    torch.manual_seed(0)
    return TwoMomentAttention(C, HEADS, widths=(1.0, 2.0, 4.0, 8.0))


def draw() -> tuple[Tensor, Tensor, Position, Position]:
    generator = torch.Generator().manual_seed(1)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    query, memory = normal(B, Q, C), normal(B, 2 * M, C)
    return query, memory, Position(points=normal(B, Q, 3)), Position(points=normal(B, 2 * M, 3))


def test_each_moment_is_attended_to_alone(attention: TwoMomentAttention) -> None:
    query, memory, start, places = draw()
    seen, points = attention(query, memory, start, places)
    now, now_points = attention.now(query, memory[:, :M], start, places[:M])
    then, then_points = attention.then(query, memory[:, M:], start, places[M:])
    torch.testing.assert_close(seen, now + then)
    torch.testing.assert_close(points, torch.cat([now_points, then_points], dim=1))


def test_a_sample_without_a_past_sees_the_present_twice(attention: TwoMomentAttention) -> None:
    """Its points did not move, and nothing of the masked images gets through."""
    query, memory, start, places = draw()
    mask = torch.ones(B, 1, 1, 2 * M, dtype=torch.bool)
    mask[1, ..., M:] = False
    seen, points = attention(query, memory, start, places, mask)
    now, now_points = attention.now(query, memory[:, :M], start, places[:M])
    torch.testing.assert_close(seen[1], now[1])
    torch.testing.assert_close(points[1], now_points[1].repeat(2, 1, 1))
    whole, _ = attention(query, memory, start, places)
    torch.testing.assert_close(seen[0], whole[0])


def test_without_a_kernel_there_are_no_points() -> None:
    query, memory, _, _ = draw()
    seen, points = TwoMomentAttention(C, HEADS)(query, memory, Position(), Position())
    assert seen.shape == query.shape
    assert points is None


def test_weights_are_those_of_each_moment(attention: TwoMomentAttention) -> None:
    """Heads of now look at the first half of the tokens, heads of the past at the second."""
    query, memory, start, places = draw()
    weights = attention.weights(query, memory, start, places)
    assert weights.shape == (B, 2 * HEADS, Q, 2 * M)
    now = attention.now.weights(query, memory[:, :M], start, places[:M])
    then = attention.then.weights(query, memory[:, M:], start, places[M:])
    torch.testing.assert_close(weights[:, :HEADS, :, :M], now)
    torch.testing.assert_close(weights[:, HEADS:, :, M:], then)
    torch.testing.assert_close(weights.sum(-1), torch.ones(B, 2 * HEADS, Q))


def test_weights_explain_the_points(attention: TwoMomentAttention) -> None:
    """The attended points are the tokens' points under these weights, with and without a past."""
    query, memory, start, places = draw()
    mask = torch.ones(B, 1, 1, 2 * M, dtype=torch.bool)
    mask[1, ..., M:] = False
    _, points = attention(query, memory, start, places, mask)
    weights = attention.weights(query, memory, start, places, mask)
    assert weights.isfinite().all()
    torch.testing.assert_close(weights @ places.points[:, None], points)
