"""Recording attention: what is collected, and that nothing stays behind."""

import pytest
import torch
from torch import nn

from drivetr.nn.attention_maps import recorded_attention
from drivetr.nn.encoder import TransformerEncoder
from drivetr.nn.position import Position


def test_every_layer_by_name_and_run():
    model = nn.ModuleDict({"encoder": TransformerEncoder(16, 4, 32, num_layers=2, dropout=0.0)})
    tokens, mask = torch.randn(2, 6, 16), torch.ones(2, 1, 1, 6, dtype=torch.bool)
    mask[0, ..., 4:] = False
    with recorded_attention(model) as maps:
        first = model["encoder"](tokens, Position(), mask)
        model["encoder"](tokens, Position(), mask)
    assert list(maps) == [f"encoder.layers.{i}.self_attention" for i in range(2)]
    for runs in maps.values():
        assert len(runs) == 2
        assert torch.equal(runs[0], runs[1])
        torch.testing.assert_close(runs[0].sum(-1), torch.ones(2, 4, 6))
        assert not runs[0][0, ..., 4:].any()
        assert not runs[0].requires_grad
    assert torch.equal(model["encoder"](tokens, Position(), mask), first)
    assert len(maps["encoder.layers.0.self_attention"]) == 2  # nobody listens any more


def test_only_the_named_ones():
    encoder = TransformerEncoder(16, 4, 32, num_layers=3, dropout=0.0)
    with recorded_attention(encoder, ["layers.1.self_attention"]) as maps:
        encoder(torch.randn(1, 5, 16), Position())
    assert list(maps) == ["layers.1.self_attention"]


def test_a_name_that_nothing_has():
    encoder = TransformerEncoder(16, 4, 32, num_layers=1, dropout=0.0)
    with (
        pytest.raises(ValueError, match=r"'layers\.1\.self_attention'; there are layers\.0"),
        recorded_attention(encoder, ["layers.1.self_attention"]),
    ):
        pass
