"""DETR's attention maps against transformers' own, and what is not computed."""

import pytest
import torch
from torch import nn

from drivetr.models.detr import DETR
from drivetr.models.detr_attention import detr_attention
from drivetr.models.detr_layouts import HUGGING_FACE
from drivetr.nn.attention import MultiheadAttention
from drivetr.nn.backbones.tiny_resnet import TinyResNet
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.encoder import TransformerEncoder
from drivetr.nn.image_position import SinePosition
from drivetr.nn.weights import load_weights
from tests.models.test_detr_transformers import ours, theirs


def small_detr(**options) -> DETR:
    torch.manual_seed(0)
    return DETR(
        TinyResNet(channels=(8, 16), num_blocks=1, num_outs=1, group_norm=False),
        SinePosition(16),
        TransformerEncoder(16, 2, 32, num_layers=2, dropout=0.0),
        TransformerDecoder(16, 2, 32, num_layers=3, dropout=0.0),
        embed_dim=16,
        num_queries=5,
        num_classes=4,
        **options,
    ).eval()


def test_same_maps_as_transformers_with_padding():
    """The networks in float64, where rounding adds up to nothing; maps are always float32."""
    reference, model = theirs("sine", False, "timm"), ours("sine", False, "timm")
    load_weights(model, HUGGING_FACE.translate(reference.state_dict()))
    reference.set_attn_implementation("eager")
    reference.double()
    model.double()
    image = torch.randn(3, 100, 130, dtype=torch.float64)
    padding = torch.zeros(100, 130, dtype=torch.bool)
    padding[70:] = True
    image = image * ~padding
    with torch.no_grad():
        expected = reference(
            pixel_values=image[None], pixel_mask=(~padding)[None].long(), output_attentions=True
        )
    for layer in range(2):
        found = detr_attention(model, image, layer, layer, padding)
        assert found.encoder.shape[1:] == (4, 5, 4, 5)  # 100x130 pixels, 32 a cell
        encoder = expected.encoder_attentions[layer][0].float()
        decoder = expected.cross_attentions[layer][0].float()
        torch.testing.assert_close(
            found.encoder.flatten(3).flatten(1, 2), encoder, atol=1e-5, rtol=0
        )
        torch.testing.assert_close(found.decoder.flatten(2), decoder, atol=1e-5, rtol=0)
        assert not found.decoder[..., 3, :].any()  # rows from 96 on are padding
        torch.testing.assert_close(found.outputs["pred_logits"], expected.logits, atol=1e-5, rtol=0)


def test_only_what_is_asked_for_is_computed(monkeypatch):
    model = small_detr()
    image = torch.randn(3, 50, 41)
    calls = []
    weights = MultiheadAttention.weights

    def counted(module, *inputs):
        calls.append(module)
        return weights(module, *inputs)

    monkeypatch.setattr(MultiheadAttention, "weights", counted)
    model(image[None], torch.zeros(1, 50, 41, dtype=torch.bool))
    nothing = detr_attention(model, image)
    assert calls == []
    assert nothing.encoder is nothing.decoder is None
    found = detr_attention(model, image, encoder_layer=-1)
    assert calls == [model.encoder.layers[1].self_attention]
    assert found.decoder is None
    assert found.encoder.shape == (2, 7, 6, 7, 6)
    torch.testing.assert_close(found.encoder.sum((3, 4)), torch.ones(2, 7, 6))
    detr_attention(model, image, decoder_layer=0)
    assert calls[1:] == [model.decoder.layers[0].cross_attention]


def test_the_maps_are_those_that_the_output_was_made_with():
    """Values replaced by one-hot cells: the attended value is the map itself."""
    model = small_detr()
    attention = model.decoder.layers[0].cross_attention
    seen = []

    def keep(module: nn.Module, inputs: tuple, output: tuple) -> None:
        seen.append((inputs, output[0]))

    handle = attention.register_forward_hook(keep)
    found = detr_attention(model, torch.randn(3, 32, 32), decoder_layer=0)
    handle.remove()
    (_, memory, *_), out = seen[0]
    value = memory[0] @ attention.in_proj_weight[32:].T + attention.in_proj_bias[32:]
    heads = value.unflatten(-1, (2, 8)).transpose(0, 1)  # heads M 8
    mixed = (found.decoder.flatten(2) @ heads).transpose(0, 1).flatten(1)
    torch.testing.assert_close(attention.out_proj(mixed), out[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("layers", [{"encoder_layer": 2}, {"decoder_layer": -4}])
def test_a_layer_that_is_not_there(layers):
    with pytest.raises(ValueError, match="there is no"):
        detr_attention(small_detr(), torch.randn(3, 32, 32), **layers)
