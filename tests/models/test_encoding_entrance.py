"""Where DETR's encodings enter: what each choice sees, and what it cannot see."""

import pytest
import torch

from drivetr.models.encoding_entrance import enter
from drivetr.nn.attention import MultiheadAttention
from tests.models.test_detr_attention import small_detr

TOKENS, ENCODING, QUERIES = torch.randn(3, 2, 6, 8).unbind(0)


def heard(spatial_encoding: str) -> dict[str, list[torch.Tensor | None]]:
    """The positions that each attention of a DETR was given."""
    model = small_detr(spatial_encoding=spatial_encoding)
    found: dict[str, list[torch.Tensor | None]] = {}
    for name, module in model.named_modules():
        if isinstance(module, MultiheadAttention):

            def keep(module, inputs, output, name=name):
                found[name] = [inputs[2].added, inputs[3].added]

            module.register_forward_hook(keep)
    model(torch.randn(2, 3, 32, 40), torch.zeros(2, 32, 40, dtype=torch.bool))
    return found


@pytest.mark.parametrize(
    ("spatial_encoding", "in_encoder", "in_decoder", "queries"),
    [
        ("none", False, False, False),
        ("input", False, False, False),
        ("decoder", False, True, True),
        ("attention", True, True, True),
    ],
)
def test_who_is_told_of_places(spatial_encoding, in_encoder, in_decoder, queries):
    for name, (of_query, of_key) in heard(spatial_encoding).items():
        if name.startswith("encoder"):
            assert (of_query is not None) == (of_key is not None) == in_encoder
        elif name.endswith("cross_attention"):
            assert (of_key is not None) == in_decoder
            assert (of_query is not None) == queries
        else:
            assert (of_query is not None) == (of_key is not None) == queries


def test_at_the_input():
    none = enter("none", TOKENS, ENCODING, QUERIES)
    at_input = enter("input", TOKENS, ENCODING, QUERIES)
    assert torch.equal(none.tokens, TOKENS)
    torch.testing.assert_close(at_input.tokens - TOKENS, 0.1 * ENCODING)
    assert torch.equal(none.query, QUERIES)
    assert torch.equal(at_input.query, QUERIES)
    assert not enter("attention", TOKENS, ENCODING, QUERIES).query.any()
    assert torch.equal(enter("decoder", TOKENS, ENCODING, QUERIES).tokens, TOKENS)


@pytest.mark.parametrize("spatial_encoding", ["none", "input", "decoder", "attention"])
def test_shuffled_cells_matter_only_where_places_are_told(spatial_encoding):
    """Without an encoding the transformer sees a bag of cells: their order changes nothing."""
    model = small_detr(spatial_encoding=spatial_encoding)
    features = torch.randn(1, 16, 4, 5)
    order = torch.randperm(20)
    shuffled = features.flatten(2)[..., order].unflatten(2, (4, 5))
    outputs = []
    for each in (features, shuffled):
        model.backbone.forward = lambda images, each=each: [each]
        outputs.append(model(torch.zeros(1, 3, 32, 40), torch.zeros(1, 32, 40, dtype=torch.bool)))
    difference = (outputs[0]["pred_boxes"] - outputs[1]["pred_boxes"]).abs().max()
    assert (difference < 1e-5) == (spatial_encoding == "none")


def test_another_word():
    with pytest.raises(ValueError, match="spatial_encoding is 'encoder'"):
        small_detr(spatial_encoding="encoder")
