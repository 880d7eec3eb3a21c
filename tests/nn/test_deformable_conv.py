"""Deformable convolution against its definition, written out point by point."""

from math import floor

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from drivetr.nn.deformable_conv import ModulatedDeformConv2d


def bilinear(channel_map: Tensor, down: float, right: float) -> Tensor:
    """All channels (C H W) at one place in cells; cells outside are zero."""
    rows, columns = channel_map.shape[1:]
    value = channel_map.new_zeros(len(channel_map))
    for row in (floor(down), floor(down) + 1):
        for column in (floor(right), floor(right) + 1):
            if 0 <= row < rows and 0 <= column < columns:
                weight = (1 - abs(down - row)) * (1 - abs(right - column))
                value = value + weight * channel_map[:, row, column]
    return value


@torch.no_grad()
def brute_force(layer: ModulatedDeformConv2d, images: Tensor) -> Tensor:
    """Every output cell as a sum over the points of its kernel."""
    kernel, stride, padding, dilation = (
        pair[0] for pair in (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    )
    raw = functional.conv2d(
        images, layer.conv_offset.weight, layer.conv_offset.bias, stride, padding, dilation
    )
    out = torch.zeros(len(images), layer.out_channels, *raw.shape[2:], dtype=images.dtype)
    for b, cell_row, cell_column in torch.cartesian_prod(
        *map(torch.arange, (*out.shape[:1], *out.shape[2:]))
    ):
        numbers = raw[b, :, cell_row, cell_column]
        for i in range(kernel):
            for j in range(kernel):
                point = i * kernel + j
                down = cell_row * stride - padding + i * dilation + numbers[2 * point]
                right = cell_column * stride - padding + j * dilation + numbers[2 * point + 1]
                weight = 1 / (1 + torch.exp(-numbers[2 * kernel**2 + point]))
                sampled = weight * bilinear(images[b], float(down), float(right))
                out[b, :, cell_row, cell_column] += layer.weight[:, :, i, j] @ sampled
    return out if layer.bias is None else out + layer.bias[:, None, None]


def shaken(*arguments: int, spread: float, **settings: int) -> ModulatedDeformConv2d:
    torch.manual_seed(0)
    layer = ModulatedDeformConv2d(*arguments, **settings).double()
    nn.init.normal_(layer.conv_offset.weight, std=spread)
    nn.init.normal_(layer.conv_offset.bias, std=spread)
    return layer


@torch.no_grad()
@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_size": 3, "padding": 1},
        {"kernel_size": 3, "padding": 1, "stride": 2},
        {"kernel_size": 3, "padding": 2, "dilation": 2, "bias": False},
        {"kernel_size": 1},
    ],
    ids=str,
)
def test_equals_its_definition(settings: dict[str, int]) -> None:
    layer = shaken(3, 4, **settings, spread=0.5)
    images = torch.randn(2, 3, 5, 6, dtype=torch.float64)
    torch.testing.assert_close(layer(images), brute_force(layer, images), atol=1e-12, rtol=1e-12)


@torch.no_grad()
def test_points_far_outside_the_map_are_zero() -> None:
    layer = shaken(2, 3, kernel_size=3, padding=1, spread=4.0)
    images = torch.randn(1, 2, 4, 5, dtype=torch.float64)
    offsets = layer.conv_offset(images)[:, :18]
    assert (offsets.abs() > 7).any()  # beyond every cell, wherever the point started
    torch.testing.assert_close(layer(images), brute_force(layer, images), atol=1e-12, rtol=1e-12)


def test_gradients_equal_finite_differences() -> None:
    layer = shaken(2, 2, kernel_size=3, padding=1, stride=2, spread=0.3)
    images = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    names = [name for name, _ in layer.named_parameters()]

    def run(x: Tensor, *values: Tensor) -> Tensor:
        return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), (x,))

    assert torch.autograd.gradcheck(run, (images, *layer.parameters()))


@torch.no_grad()
def test_a_fresh_twin_is_half_its_original() -> None:
    plain = nn.Conv2d(4, 5, 3, 2, 2, 2, bias=False)
    twin = ModulatedDeformConv2d.like(plain)
    images = torch.randn(2, 4, 9, 11)
    torch.testing.assert_close(twin(images), plain(images) / 2, atol=1e-6, rtol=1e-6)
    assert twin.weight is plain.weight


def test_names_and_channels_are_mmcvs() -> None:
    shapes = {
        k: tuple(t.shape)
        for k, t in ModulatedDeformConv2d(8, 6, 3, bias=False).state_dict().items()
    }
    assert shapes == {
        "weight": (6, 8, 3, 3),
        "conv_offset.weight": (27, 8, 3, 3),
        "conv_offset.bias": (27,),
    }


@torch.no_grad()
def test_single_precision_under_autocast() -> None:
    torch.manual_seed(0)
    layer = shaken(3, 4, kernel_size=3, padding=1, spread=0.5).float()
    images = torch.randn(1, 3, 5, 6)
    with torch.autocast("cpu", torch.bfloat16):
        cast = layer(images.bfloat16())
    assert cast.dtype == torch.float32
    torch.testing.assert_close(cast, layer(images.bfloat16().float()), atol=0, rtol=0)
