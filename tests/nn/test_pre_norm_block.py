"""The block of ViT and CLIP against torchvision's, whose names it has."""

from functools import partial

import pytest
import torch
from torch import nn
from torchvision.models.vision_transformer import EncoderBlock

from drivetr.nn.pre_norm_block import PreNormBlock, QuickGELU


def test_equals_torchvision_s() -> None:
    torch.manual_seed(0)
    block = PreNormBlock(16, 4, 24, 0.0, 1e-6)
    twin = EncoderBlock(4, 16, 24, 0.0, 0.0, partial(nn.LayerNorm, eps=1e-6))
    twin.load_state_dict(block.state_dict())
    tokens = torch.randn(2, 5, 16)
    torch.testing.assert_close(block(tokens), twin(tokens), atol=1e-6, rtol=1e-5)


def test_a_mask_hides_tokens_from_each_other() -> None:
    torch.manual_seed(0)
    block = PreNormBlock(16, 4, 24, 0.0, 1e-6, "quick_gelu")
    tokens = torch.randn(2, 5, 16)
    causal = torch.ones(1, 1, 5, 5, dtype=torch.bool).tril()
    torch.testing.assert_close(
        block(tokens, causal)[:, :3], block(tokens[:, :3], causal[..., :3, :3])
    )


def test_quick_gelu() -> None:
    x = torch.linspace(-4, 4, 17)
    torch.testing.assert_close(QuickGELU()(x), x / (1 + (-1.702 * x).exp()))
    assert (QuickGELU()(x) - nn.functional.gelu(x)).abs().max() < 0.03  # what it approximates


def test_unknown_activation() -> None:
    with pytest.raises(ValueError, match="activation is 'relu', expected one of"):
        PreNormBlock(16, 4, 24, 0.0, 1e-6, "relu")
