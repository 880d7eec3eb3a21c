"""The decoder stack against torch's post-norm decoder layer."""

import torch

from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.position import Position


def test_layer_equals_torch_decoder_layer():
    """With positions absent, a layer is torch's TransformerDecoderLayer with post-norm."""
    torch.manual_seed(0)
    layer = TransformerDecoder(16, 4, 32, 1, dropout=0.0).layers[0]
    twin = torch.nn.TransformerDecoderLayer(16, 4, 32, dropout=0.0, batch_first=True)
    state = {}
    for ours, theirs in (("self_attention", "self_attn"), ("cross_attention", "multihead_attn")):
        for name, value in getattr(layer, ours).state_dict().items():
            state[f"{theirs}.{name}"] = value
    for index, name in ((0, "linear1"), (3, "linear2")):
        state[f"{name}.weight"], state[f"{name}.bias"] = (
            layer.ffn[index].weight,
            layer.ffn[index].bias,
        )
    for index in range(3):
        state[f"norm{index + 1}.weight"] = layer.norms[index].weight
        state[f"norm{index + 1}.bias"] = layer.norms[index].bias
    twin.load_state_dict(state)
    query, memory = torch.randn(2, 5, 16), torch.randn(2, 7, 16)
    got, points = layer(query, memory, Position(), Position())
    assert points is None
    torch.testing.assert_close(got, twin(query, memory), atol=1e-5, rtol=1e-5)


def test_checkpointing_changes_no_gradient():
    torch.manual_seed(0)
    decoder = TransformerDecoder(16, 4, 32, 2, dropout=0.0)
    query, memory = torch.randn(1, 5, 16), torch.randn(1, 7, 16)
    gradients = []
    for with_checkpoint in (False, True):
        decoder.with_checkpoint = with_checkpoint
        decoder.zero_grad()
        out = query
        for index in range(len(decoder)):
            out, _ = decoder.step(index, out, memory, Position(), Position())
        out.square().sum().backward()
        gradients.append([p.grad.clone() for n, p in decoder.named_parameters() if "layers" in n])
    for plain, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, recomputed)


def test_without_feed_forward_a_norm_of_the_attention_remains():
    torch.manual_seed(0)
    layer = TransformerDecoder(16, 4, 0, 1, dropout=0.0).layers[0]
    assert not [name for name, _ in layer.named_parameters() if name.startswith("ffn")]
    query, memory = torch.randn(2, 5, 16), torch.randn(2, 7, 16)
    got, _ = layer(query, memory, Position(), Position())
    seen, _ = layer.self_attention(query, query, Position(), Position())
    query = torch.nn.functional.layer_norm(query + seen, (16,))
    seen, _ = layer.cross_attention(query, memory, Position(), Position())
    expected = torch.nn.functional.layer_norm(query + seen, (16,))
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)
