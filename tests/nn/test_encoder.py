"""The encoder against torch's, and what it knows of order: nothing but what positions tell."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from drivetr.nn.encoder import TransformerEncoder
from drivetr.nn.position import Position
from drivetr.nn.sine_position import sequence_sine

DIM = 16


def encoder(num_layers: int = 2) -> TransformerEncoder:
    torch.manual_seed(0)
    return TransformerEncoder(DIM, 4, 32, num_layers, dropout=0.0).eval()


def test_layer_equals_torch_encoder_layer():
    layer = encoder(1).layers[0]
    twin = torch.nn.TransformerEncoderLayer(DIM, 4, 32, dropout=0.0, batch_first=True)
    twin.self_attn.load_state_dict(layer.self_attention.state_dict())
    twin.linear1.load_state_dict(layer.ffn[0].state_dict())
    twin.linear2.load_state_dict(layer.ffn[3].state_dict())
    twin.norm1.load_state_dict(layer.norms[0].state_dict())
    twin.norm2.load_state_dict(layer.norms[1].state_dict())
    tokens, padding = torch.randn(2, 7, DIM), torch.zeros(2, 7, dtype=torch.bool)
    padding[0, 5:] = True
    got = layer(tokens, Position(), ~padding[:, None, None])
    expected = twin(tokens, src_key_padding_mask=padding)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)


@st.composite
def reordered(draw: st.DrawFn) -> tuple[torch.Tensor, list[int]]:
    """Tokens that differ from each other, and an order of them that is not their own."""
    count = draw(st.integers(2, 12))
    order = draw(st.permutations(range(count)).filter(lambda p: list(p) != list(range(count))))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    return torch.randn(1, count, DIM, generator=generator), list(order)


@given(reordered())
@torch.no_grad()
def test_without_positions_order_means_nothing(case):
    """Permuted in, permuted out."""
    tokens, order = case
    model = encoder()
    before, after = model(tokens, Position()), model(tokens[:, order], Position())
    torch.testing.assert_close(after, before[:, order], atol=1e-4, rtol=1e-4)


@given(reordered())
@torch.no_grad()
def test_with_positions_order_counts(case):
    tokens, order = case
    model = encoder()
    position = Position(sequence_sine(tokens.shape[1], DIM)[None])
    before, after = model(tokens, position), model(tokens[:, order], position)
    assert (after - before[:, order]).abs().max() > 1e-3
