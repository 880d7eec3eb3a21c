"""DETR's start."""

import math

import torch

from drivetr.models.detr import DETR
from drivetr.nn.backbones.tiny_resnet import TinyResNet
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.encoder import TransformerEncoder
from drivetr.nn.image_position import SinePosition


def test_the_transformer_starts_as_the_authors_let_it():
    """Uniform within sqrt(6 / (in + out)), all matrices (facebookresearch/detr, Transformer)."""
    torch.manual_seed(0)
    sizes = (64, 4, 96, 2, 0.0)
    model = DETR(
        TinyResNet(num_outs=1),
        SinePosition(64),
        TransformerEncoder(*sizes),
        TransformerDecoder(*sizes),
        embed_dim=64,
    )
    seen = 0
    for part in (model.encoder, model.decoder):
        for weight in part.parameters():
            if weight.dim() == 2:
                limit = math.sqrt(6 / sum(weight.shape))
                assert 0.98 * limit < weight.abs().max() <= limit
                torch.testing.assert_close(
                    weight.std().item(), limit / math.sqrt(3), rtol=0.03, atol=0
                )
                seen += 1
    assert seen == 2 * 4 + 2 * 6
