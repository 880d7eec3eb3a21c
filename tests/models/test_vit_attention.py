"""The attention of a ViT against transformers' and by hand."""

import pytest
import torch

from drivetr.models.layouts import layout_of
from drivetr.models.vit import ViTClassifier
from drivetr.models.vit_attention import vit_attention
from drivetr.models.vit_layouts import VIT_LAYOUTS
from drivetr.nn.backbones.vit import ViT
from drivetr.nn.weights import load_weights

IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def classifier(pooling: str = "class_token") -> ViTClassifier:
    torch.manual_seed(0)
    return ViTClassifier(ViT(32, 8, 3, 4, 32, 64, eps=1e-12), 5, pooling).eval()


@torch.no_grad()
def test_equals_transformers():
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTConfig(
        hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=64,
        image_size=32, patch_size=8, num_labels=5, attn_implementation="eager",
    )  # fmt: skip
    torch.manual_seed(0)
    theirs = transformers.ViTForImageClassification(config).eval()
    for parameter in theirs.parameters():
        parameter.add_(0.3 * torch.randn_like(parameter))
    ours = classifier()
    state = theirs.state_dict()
    load_weights(ours, layout_of(state, VIT_LAYOUTS, "file").translate(state))
    found = vit_attention(ours, IMAGES)
    expected = theirs(pixel_values=IMAGES, output_attentions=True).attentions
    assert found.layers.shape == (2, 3, 4, 4, 4)
    for layer, weights in enumerate(expected):
        torch.testing.assert_close(
            found.layers[:, layer].flatten(-2), weights[:, :, 0, 1:], atol=1e-5, rtol=1e-4
        )
    total = torch.eye(17)
    for weights in expected:
        total = (weights.mean(1) + torch.eye(17)) / 2 @ total
    torch.testing.assert_close(found.rollout.flatten(1), total[:, 0, 1:], atol=1e-5, rtol=1e-4)


def test_a_bare_trunk_and_an_oblong_image():
    model = classifier()
    found = vit_attention(model.trunk, IMAGES[..., :16, :])
    assert found.layers.shape == (2, 3, 4, 2, 4)
    assert found.rollout.shape == (2, 2, 4)
    assert (found.layers.sum((-2, -1)) < 1).all()
    assert found.rollout.sum((-2, -1)).max() < 1


def test_mean_pooling_reads_the_patches():
    by_token, by_mean = classifier(), classifier("mean")
    by_mean.load_state_dict(by_token.state_dict())
    first, second = vit_attention(by_token, IMAGES), vit_attention(by_mean, IMAGES)
    assert not torch.allclose(first.rollout, second.rollout)
    # Every patch keeps half of itself in each of three layers, the class token does not.
    assert (second.rollout > 0.125 / 16).all()


def test_nothing_is_recorded_unless_asked():
    model = classifier()
    vit_attention(model, IMAGES)
    assert not any(module._forward_hooks for module in model.modules())
