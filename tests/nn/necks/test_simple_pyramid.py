"""The pyramid against its parts written out by hand."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from drivetr.nn.backbones.vit import ViT
from drivetr.nn.necks.simple_pyramid import SimplePyramid, WithPyramid


def shaken_pyramid(*args, **kwargs) -> SimplePyramid:
    torch.manual_seed(0)
    neck = SimplePyramid(*args, **kwargs)
    for parameter in neck.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return neck


def doubled(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A deconvolution of kernel and stride 2: every cell paints its own 2x2 cells."""
    out = bias[None, :, None, None].repeat(len(x), 1, 2 * x.shape[2], 2 * x.shape[3])
    for i in range(2):
        for j in range(2):
            out[:, :, i::2, j::2] += torch.einsum("bchw,co->bohw", x, weight[:, :, i, j])
    return out


def convolved(x: Tensor, weight: Tensor) -> Tensor:
    """Same-size convolution as a sum of shifted copies."""
    size = weight.shape[-1]
    rows, columns = x.shape[-2:]
    padded = torch.zeros(*x.shape[:2], rows + size - 1, columns + size - 1)
    start = size // 2
    padded[:, :, start : start + rows, start : start + columns] = x
    return sum(
        torch.einsum("bchw,oc->bohw", padded[..., i : i + rows, j : j + columns], weight[..., i, j])
        for i in range(size)
        for j in range(size)
    )


def normed(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    centred = x - x.mean(1, keepdim=True)
    unit = centred / (centred.square().mean(1, keepdim=True) + 1e-6).sqrt()
    return unit * weight[:, None, None] + bias[:, None, None]


@torch.no_grad()
def test_equals_its_definition() -> None:
    neck = shaken_pyramid(12, 10)
    features = torch.randn(2, 12, 4, 6)
    halved = torch.stack(
        [features[..., i::2, j::2] for i in range(2) for j in range(2)]
    ).amax(0)  # fmt: skip
    rescaled = [doubled(features, *neck.levels[0][0].parameters()), features, halved]
    for x, level, got in zip(rescaled, neck.levels, neck([features]), strict=True):
        _, reduce, first_norm, smooth, last_norm = level
        x = normed(convolved(x, reduce.weight), *first_norm.parameters())
        expected = normed(convolved(x, smooth.weight), *last_norm.parameters())
        torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_published_pyramid_of_four_levels() -> None:
    neck = shaken_pyramid(16, 10, scales=(4, 2, 1, 0.5), halving="convolution")
    features = torch.randn(2, 16, 3, 6)
    finest, *_, coarsest = neck([features])
    first, between, _, second = neck.levels[0][0]
    x = functional.gelu(normed(doubled(features, *first.parameters()), *between.parameters()))
    x = doubled(x, *second.parameters())
    _, reduce, first_norm, smooth, last_norm = neck.levels[0]
    x = normed(convolved(x, reduce.weight), *first_norm.parameters())
    expected = normed(convolved(x, smooth.weight), *last_norm.parameters())
    torch.testing.assert_close(finest, expected, atol=1e-5, rtol=1e-5)
    assert finest.shape[-2:] == (12, 24)
    assert coarsest.shape[-2:] == (1, 3)  # the odd row is dropped
    halved = neck.levels[3][0]
    corners = [features[..., i:2:2, j::2] for i in range(2) for j in range(2)]
    x = torch.einsum("kbchw,ock->bohw", torch.stack(corners), halved.weight.flatten(2))
    x = x + halved.bias[:, None, None]
    torch.testing.assert_close(halved(features), x, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("scales", "strides"), [((2, 1, 0.5), (8, 16, 32)), ((1,), (16,))])
def test_strides_behind_a_vit(scales: tuple[float, ...], strides: tuple[int, ...]) -> None:
    trunk = ViT(image_size=64, num_layers=1, num_heads=2, embed_dim=32, mlp_dim=64)
    backbone = WithPyramid(trunk, SimplePyramid(32, 24, scales))
    maps = backbone(torch.randn(1, 3, 96, 160))
    assert backbone.strides == strides
    assert backbone.out_channels == (24,) * len(strides)
    assert [tuple(m.shape) for m in maps] == [(1, 24, 96 // s, 160 // s) for s in strides]


@torch.no_grad()
def test_part_of_a_patch_is_filled_with_zeros() -> None:
    trunk = ViT(image_size=64, num_layers=1, num_heads=2, embed_dim=32, mlp_dim=64)
    backbone = WithPyramid(trunk, SimplePyramid(32, 24))
    images = torch.randn(1, 3, 64, 80)
    images[..., 60:, :] = 0
    images[..., 70:] = 0
    for whole, cut in zip(backbone(images), backbone(images[..., :60, :70]), strict=True):
        assert torch.equal(whole, cut)


def test_an_odd_row_is_seen_by_the_coarse_map() -> None:
    neck = shaken_pyramid(4, 4, scales=(0.5,))
    features = torch.zeros(1, 4, 3, 3)
    features[..., 2, 2] = torch.tensor([1.0, 2.0, 3.0, 4.0])
    (coarse,) = neck([features])
    (blank,) = neck([torch.zeros(1, 4, 3, 3)])
    assert coarse.shape == (1, 4, 2, 2)
    assert not torch.allclose(coarse, blank)


def test_every_part_learns() -> None:
    neck = shaken_pyramid(8, 6)
    sum(
        m.square().mul(torch.rand_like(m)).sum() for m in neck([torch.randn(1, 8, 4, 4)])
    ).backward()
    assert all(p.grad.abs().max() > 0 for p in neck.parameters())


def test_unknown_scale() -> None:
    with pytest.raises(ValueError, match=r"a scale is 3 .*, expected 4, 2, 1 or 0\.5"):
        SimplePyramid(8, 6, scales=(3,))
    with pytest.raises(ValueError, match=r"halving 'mean', .* max or convolution"):
        SimplePyramid(8, 6, halving="mean")
