"""What the classifier reads of the trunk."""

import pytest
import torch

from drivetr.models.vit import ViTClassifier
from drivetr.nn.backbones.vit import ViT


def trunk() -> ViT:
    torch.manual_seed(0)
    return ViT(image_size=16, patch_size=8, num_layers=1, num_heads=2, embed_dim=8, mlp_dim=16)


@pytest.mark.parametrize("pooling", ["class_token", "mean"])
@torch.no_grad()
def test_reads_the_class_token_or_the_mean_of_the_patches(pooling) -> None:
    model = ViTClassifier(trunk(), 5, pooling).eval()
    images = torch.randn(2, 3, 16, 16)
    assert torch.equal(model(images), torch.zeros(2, 5))  # untrained, it prefers no class
    torch.nn.init.normal_(model.head.weight)
    tokens = model.trunk.tokens(images)
    class_token, *patches = tokens.unbind(1)
    assert len(patches) == 4
    read = class_token if pooling == "class_token" else sum(patches) / 4
    torch.testing.assert_close(model(images), read @ model.head.weight.T, atol=1e-5, rtol=1e-4)


def test_unknown_pooling() -> None:
    with pytest.raises(ValueError, match="pooling is 'max', expected 'class_token' or 'mean'"):
        ViTClassifier(trunk(), 5, "max")
