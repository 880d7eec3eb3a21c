"""Attention against torch's own, and the Gaussian kernel against its definition."""

import pytest
import torch

from drivetr.nn.attention import MultiheadAttention
from drivetr.nn.kernel import GaussianKernel
from drivetr.nn.position import Position


@pytest.fixture
def tokens():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 5, 16, generator=generator), torch.randn(2, 7, 16, generator=generator)


def torch_twin(attention: MultiheadAttention) -> torch.nn.MultiheadAttention:
    twin = torch.nn.MultiheadAttention(16, 4, batch_first=True)
    state = {k: v for k, v in attention.state_dict().items() if not k.startswith("kernel")}
    twin.load_state_dict(state)
    return twin


def test_equals_torch_with_positions_and_mask(tokens):
    query, key = tokens
    attention = MultiheadAttention(16, 4)
    query_add, key_add = torch.randn_like(query), torch.randn_like(key)
    padding = torch.zeros(2, 7, dtype=torch.bool)
    padding[0, 5:] = True
    got, points = attention(
        query, key, Position(query_add), Position(key_add), ~padding[:, None, None]
    )
    expected, _ = torch_twin(attention)(
        query + query_add, key + key_add, key, key_padding_mask=padding
    )
    assert points is None
    torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("masked", ["nothing", "padding", "each query its own"])
def test_values_and_gradients_equal_torch_s(tokens, masked):
    query, key = (x.clone().requires_grad_() for x in tokens)
    attention = MultiheadAttention(16, 4)
    twin = torch_twin(attention)
    twin_query, twin_key = (x.detach().clone().requires_grad_() for x in tokens)
    visible = torch.ones(2, 4, 5, 7, dtype=torch.bool)
    if masked == "padding":
        visible[0, ..., 4:] = False
    elif masked == "each query its own":
        visible = torch.rand(2, 4, 5, 7, generator=torch.Generator().manual_seed(2)) < 0.6
        visible[..., 0] = True  # torch's answer to a query that may look nowhere is NaN
    got, _ = attention(query, key, Position(), Position(), visible)
    expected, _ = twin(twin_query, twin_key, twin_key, attn_mask=~visible.flatten(0, 1))
    torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-5)

    weight = torch.randn(got.shape, generator=torch.Generator().manual_seed(3))
    (got * weight).sum().backward()
    (expected * weight).sum().backward()
    own = {"query": query, "key": key, **dict(attention.named_parameters())}
    theirs = {"query": twin_query, "key": twin_key, **dict(twin.named_parameters())}
    assert set(own) == set(theirs)
    for name, parameter in own.items():
        torch.testing.assert_close(parameter.grad, theirs[name].grad, atol=1e-5, rtol=1e-4)


def test_weights_equal_torch_s(tokens):
    query, key = tokens
    attention = MultiheadAttention(16, 4)
    padding = torch.zeros(2, 7, dtype=torch.bool)
    padding[1, 2:] = True
    got = attention.weights(query, key, Position(), Position(key), ~padding[:, None, None])
    _, expected = torch_twin(attention)(
        query, key + key, key, key_padding_mask=padding, average_attn_weights=False
    )
    torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-5)


def test_weights_with_a_kernel_average_the_points(tokens):
    query, key = tokens
    attention = MultiheadAttention(16, 4, kernel=GaussianKernel([1.0, 2.0, 4.0, 8.0]))
    positions = [Position(points=torch.randn(2, n, 3) * 3) for n in (5, 7)]
    _, points = attention(query, key, *positions)
    weights = attention.weights(query, key, *positions)
    torch.testing.assert_close(weights @ positions[1].points[:, None], points, atol=1e-4, rtol=1e-4)


def test_kernel_multiplies_attention_by_a_gaussian(tokens):
    """Softmax of content logits minus squared distance over 2 s^2, one width a head."""
    query, key = tokens
    widths = torch.tensor([1.0, 2.0, 4.0, 8.0])
    attention = MultiheadAttention(16, 4, kernel=GaussianKernel(widths.tolist()))
    at_query, at_key = torch.randn(2, 5, 3) * 10, torch.randn(2, 7, 3) * 10
    got, points = attention(query, key, Position(points=at_query), Position(points=at_key))

    w_q, w_k, w_v = attention.in_proj_weight.chunk(3)
    q, k, v = (
        (x @ w.T).unflatten(-1, (4, 4)).transpose(1, 2)
        for x, w in ((query, w_q), (key, w_k), (key, w_v))
    )
    distance = torch.cdist(at_query, at_key)[:, None]
    logits = q @ k.transpose(-1, -2) / 2 - distance**2 / (2 * widths[:, None, None] ** 2)
    weights = logits.softmax(-1)
    expected = attention.out_proj((weights @ v).transpose(1, 2).flatten(2))
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(points, weights @ at_key[:, None], atol=1e-2, rtol=1e-3)


def test_a_moved_world_changes_no_weight(tokens):
    """Only differences of points count, so both may shift together."""
    query, key = tokens
    attention = MultiheadAttention(16, 4, kernel=GaussianKernel([2.0] * 4))
    at_query, at_key = torch.randn(2, 5, 3) * 5, torch.randn(2, 7, 3) * 5
    shift = torch.tensor([3.0, -8.0, 1.0])
    first, points = attention(query, key, Position(points=at_query), Position(points=at_key))
    second, moved = attention(
        query, key, Position(points=at_query + shift), Position(points=at_key + shift)
    )
    torch.testing.assert_close(first, second, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(points + shift, moved, atol=1e-3, rtol=1e-3)


def test_kernel_stays_exact_under_autocast(tokens):
    """Sixteen bits would lose metres in the squared distances."""
    query, key = tokens
    attention = MultiheadAttention(16, 4, kernel=GaussianKernel([1.0, 1.0, 2.0, 2.0]))
    at_query, at_key = torch.randn(2, 5, 3) * 30, torch.randn(2, 7, 3) * 30
    positions = Position(points=at_query), Position(points=at_key)
    _, points = attention(query, key, *positions)
    with torch.autocast("cpu", torch.bfloat16):
        _, points_16 = attention(query, key, *positions)
    torch.testing.assert_close(points, points_16, atol=0.5, rtol=0.05)


def test_everything_masked_stays_finite(tokens):
    query, key = tokens
    nothing = torch.zeros(2, 1, 1, 7, dtype=torch.bool)
    got, _ = MultiheadAttention(16, 4)(query, key, Position(), Position(), nothing)
    assert got.isfinite().all()


def test_kernel_gradient_reaches_widths_and_points():
    kernel = GaussianKernel([1.0, 2.0]).double()
    points = torch.randn(1, 3, 3, dtype=torch.float64, requires_grad=True)

    def logits(points, log_width):
        kernel.log_width.data = log_width.detach()
        return torch.func.functional_call(kernel, {"log_width": log_width}, (points,))

    kernel.forward = lambda p: kernel.query_columns(p) @ kernel.key_columns(p).transpose(-1, -2)
    width = kernel.log_width.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(logits, (points, width))


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="not a multiple"):
        MultiheadAttention(16, 3)


def test_kernel_needs_points(tokens):
    query, key = tokens
    with pytest.raises(ValueError, match="needs points"):
        MultiheadAttention(16, 4, kernel=GaussianKernel([1.0] * 4))(
            query, key, Position(), Position()
        )
