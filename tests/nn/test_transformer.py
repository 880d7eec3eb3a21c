"""The sequence model against torch's own, and what its masks promise."""

import pytest
import torch
from torch import nn

from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.encoder import TransformerEncoder
from drivetr.nn.sine_position import sequence_sine
from drivetr.nn.transformer import END, PAD, START, Transformer

DIM, HEADS, FFN, LAYERS = 16, 4, 32, 2
SOURCE = torch.tensor([[3, 4, 5, 6], [7, 3, PAD, PAD]])
TARGET = torch.tensor([[START, 3, 4], [START, 5, PAD]])


@pytest.fixture
def model() -> Transformer:
    torch.manual_seed(0)
    sizes = (DIM, HEADS, FFN, LAYERS, 0.0)
    return Transformer(TransformerEncoder(*sizes), TransformerDecoder(*sizes), 8, 6, DIM, 5).eval()


def torch_twin(model: Transformer) -> nn.Transformer:
    """torch.nn.Transformer with the same weights, without the norm that it has and we have not."""
    twin = nn.Transformer(DIM, HEADS, LAYERS, LAYERS, FFN, dropout=0.0, batch_first=True).eval()
    twin.encoder.norm = None
    attention = {"self_attention": "self_attn", "cross_attention": "multihead_attn"}
    for ours, theirs in ((model.encoder, twin.encoder), (model.decoder, twin.decoder)):
        for layer, other in zip(ours.layers, theirs.layers, strict=True):
            for own, name in attention.items():
                if hasattr(layer, own):
                    getattr(other, name).load_state_dict(getattr(layer, own).state_dict())
            other.linear1.load_state_dict(layer.ffn[0].state_dict())
            other.linear2.load_state_dict(layer.ffn[3].state_dict())
            for place, norm in enumerate(layer.norms):
                getattr(other, f"norm{place + 1}").load_state_dict(norm.state_dict())
    twin.decoder.norm.load_state_dict(model.decoder.post_norm.state_dict())
    return twin


def embedded(table: nn.Embedding, words: torch.Tensor) -> torch.Tensor:
    return table.weight[words] * 4.0 + sequence_sine(words.shape[1], DIM)  # 4 = sqrt(16)


def test_equals_torch_transformer(model):
    twin = torch_twin(model)
    expected = twin(
        embedded(model.source_embedding, SOURCE),
        embedded(model.target_embedding, TARGET),
        tgt_mask=torch.ones(3, 3).triu(1).bool(),  # torch's masks are True where one may not look
        src_key_padding_mask=SOURCE == PAD,
        memory_key_padding_mask=SOURCE == PAD,
    )
    torch.testing.assert_close(model(SOURCE, TARGET), model.head(expected), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_no_word_sees_a_later_one(model):
    other = TARGET.clone()
    other[:, 2] = 5
    before, after = model(SOURCE, TARGET), model(SOURCE, other)
    assert torch.equal(before[:, :2], after[:, :2])
    assert not torch.allclose(before[:, 2], after[:, 2])


@torch.no_grad()
def test_padding_of_the_source_changes_nothing(model):
    alone = model(SOURCE[1:, :2], TARGET[1:])
    torch.testing.assert_close(model(SOURCE, TARGET)[1:], alone, atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_what_it_writes_is_what_it_finds_likeliest(model):
    logits = model(SOURCE)
    words = logits.argmax(-1)
    again = model(SOURCE, torch.cat([torch.full((2, 1), START), words[:, :-1]], dim=1))
    torch.testing.assert_close(logits, again, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_writing_stops_at_the_end_or_at_the_limit(model):
    model.head.bias[END] = 100.0
    assert model(SOURCE).shape == (2, 1, 6)
    model.head.bias[END] = -100.0
    assert model(SOURCE).shape == (2, 5, 6)
