from pathlib import Path

import pytest
import torch
import torchvision
from torch.nn import functional

from drivetr.engine.pretrained import load_part
from drivetr.engine.sources import Source
from drivetr.errors import DrivetrError
from drivetr.nn.backbones.vit import ViT

SMALL = {"image_size": 64, "num_layers": 2, "num_heads": 4, "embed_dim": 48, "mlp_dim": 96}


def small_vit(**settings: object) -> ViT:
    torch.manual_seed(0)
    return ViT(**(SMALL | settings)).eval()


@torch.no_grad()
def test_vit_b_16_equals_torchvision() -> None:
    torch.manual_seed(0)
    oracle = torchvision.models.vit_b_16(weights=None).eval()
    model = ViT().eval()
    report = load_part(model, Source(Path("vit.pth"), oracle.state_dict()))
    assert [*report.ignored] == ["head.weight", "head.bias"]
    images = torch.randn(1, 3, 224, 224)
    patches = oracle._process_input(images)
    tokens = oracle.encoder(torch.cat([oracle.class_token, patches], dim=1))[:, 1:]
    (features,) = model(images)
    assert (model.out_channels, model.strides) == ((768,), (16,))
    expected = tokens.transpose(1, 2).reshape(1, 768, 14, 14)
    torch.testing.assert_close(features, expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_other_input_sizes_get_bicubic_positions() -> None:
    model = small_vit()
    learned = model.encoder.pos_embedding
    resized = model.positions(3, 8)
    assert torch.equal(resized[:, 0], learned[:, 0])
    channel = learned[0, 1:, 7].reshape(1, 1, 4, 4)
    expected = functional.interpolate(channel, size=(3, 8), mode="bicubic", align_corners=False)
    torch.testing.assert_close(resized[0, 1:, 7], expected.flatten())
    assert model(torch.randn(2, 3, 48, 128))[0].shape == (2, 48, 3, 8)


@torch.no_grad()
def test_interpolated_network_equals_torchvision_with_resized_positions() -> None:
    """A torchvision network built for another square size, given the resized positions."""
    model = small_vit()
    oracle = torchvision.models.VisionTransformer(96, 16, 2, 4, 48, 96).eval()
    weights = model.state_dict() | {"encoder.pos_embedding": model.positions(6, 6)}
    oracle.load_state_dict(weights, strict=False)
    images = torch.randn(2, 3, 96, 96)
    patches = oracle._process_input(images)
    tokens = oracle.encoder(torch.cat([oracle.class_token.expand(2, -1, -1), patches], dim=1))
    expected = tokens[:, 1:].transpose(1, 2).reshape(2, 48, 6, 6)
    torch.testing.assert_close(model(images)[0], expected, atol=1e-5, rtol=1e-5)


def test_resized_positions_learn() -> None:
    model = small_vit()
    model(torch.randn(1, 3, 32, 96))[0].square().mean().backward()
    assert model.encoder.pos_embedding.grad.abs().max() > 0


def test_checkpointing_changes_no_gradient() -> None:
    plain, sparing = small_vit(), small_vit(with_checkpoint=True)
    images = torch.randn(1, 3, 64, 64)
    for model in (plain, sparing):
        model.train()(images)[0].square().mean().backward()
    for own, other in zip(plain.parameters(), sparing.parameters(), strict=True):
        torch.testing.assert_close(own.grad, other.grad, atol=0, rtol=0)


def test_a_part_of_a_patch_is_refused() -> None:
    with pytest.raises(DrivetrError, match=r"60x64 pixels .* patches of 16x16: resize or pad"):
        small_vit()(torch.zeros(1, 3, 60, 64))
