"""What is counted about memory; times are measured and never asserted."""

import pytest
import torch

from drivetr.nn.attention import MultiheadAttention
from drivetr.tour.cost import bytes_kept, measure, slope


@pytest.fixture
def attention():
    torch.manual_seed(0)
    return MultiheadAttention(16, 2)


def test_the_matrix_is_kept_where_it_is_written_down(attention):
    x = torch.randn(1, 100, 16)
    matrix = 2 * 100 * 100 * 4  # heads, queries, keys, bytes of a float
    assert matrix <= bytes_kept(attention.weights, x)
    assert bytes_kept(attention.forward, x) < matrix


def test_more_heads_keep_more(attention):
    x = torch.randn(1, 200, 16)
    assert bytes_kept(MultiheadAttention(16, 4).weights, x) > bytes_kept(attention.weights, x)


def test_memory_grows_with_the_square_and_the_fused_pass_does_not(attention):
    data = measure(attention, (128, 256, 512))
    assert 1.7 < data["matrix"]["memory_slope"] < 2.1
    assert 0.8 < data["fused"]["memory_slope"] < 1.2
    assert min(data["matrix"]["seconds"]) > 0


def test_slope_of_a_power():
    assert slope((1, 2, 4, 8), [5.0, 4.0, 32.0, 256.0]) == pytest.approx(3)
