"""Rotations against timm's and against what they are for."""

import pytest
import torch
from timm.layers import RotaryEmbeddingCat, apply_rot_embed_cat

from drivetr.nn.rope import grid_angles, rotate


@pytest.mark.parametrize(("rows", "columns"), [(16, 16), (20, 20), (3, 5)])
def test_equals_timm(rows: int, columns: int) -> None:
    oracle = RotaryEmbeddingCat(
        24, in_pixels=False, feat_shape=[rows, columns], ref_feat_shape=[16, 16]
    )
    x = torch.randn(2, 3, rows * columns, 24)
    expected = apply_rot_embed_cat(x, oracle.get_embed())
    got = rotate(x, grid_angles(rows, columns, 24, extent=16))
    torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-6)


def test_products_depend_on_the_distance_only() -> None:
    """A query and a key, both anywhere on the grid, two rows and three columns apart."""
    q, k = torch.randn(2, 1, 16, dtype=torch.float64)
    angles = grid_angles(8, 8, 16, extent=8).double()
    turned_q, turned_k = rotate(q.expand(64, 16), angles), rotate(k.expand(64, 16), angles)
    products = (turned_q @ turned_k.T).view(8, 8, 8, 8)
    apart = [products[i, j, i + 2, j + 3] for i in range(6) for j in range(5)]
    torch.testing.assert_close(torch.stack(apart), apart[0].expand(30), atol=1e-5, rtol=0)
    assert (products[0, 0, 2, 3] - products[0, 0, 3, 2]).abs() > 1e-3


def test_precision_of_the_angles_survives_16_bits() -> None:
    x = torch.randn(1, 400, 64)
    angles = grid_angles(20, 20, 64, extent=16)
    half = rotate(x.bfloat16(), angles)
    assert half.dtype == torch.bfloat16
    expected = rotate(x.bfloat16().float(), angles)
    torch.testing.assert_close(half.float(), expected, atol=0.02, rtol=0.01)
