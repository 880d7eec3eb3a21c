"""Rotary position encoding on a grid (arXiv:2104.09864, in two directions as in EVA-02)."""

import torch
from jaxtyping import Float
from torch import Tensor

_TEMPERATURE = 10000.0


def grid_angles(
    rows: int, columns: int, dim: int, extent: float, device: torch.device | None = None
) -> Float[Tensor, "{rows}*{columns} {dim}"]:
    """By how much each pair of channels turns at each cell, in radians; cells row by row.

    The first half of the channels turns with the row, the second with the column. Pair i of a half
    with h channels turns by 10000^(-2 i / h) for each step; both channels of a pair have the same
    angle.

    Args:
        rows: of the grid.
        columns: of the grid.
        dim: channels, a multiple of 4.
        extent: steps that both sides of the grid count for, whatever the number of cells: a grid
            finer than that of the pretraining has shorter steps.
        device: where the angles are needed.
    """
    half = dim // 2
    pace = _TEMPERATURE ** (-torch.arange(0, half, 2, device=device, dtype=torch.float32) / half)
    pace = pace.repeat_interleave(2)
    down, right = (torch.arange(n, device=device) / n * extent for n in (rows, columns))
    angles = torch.cat(
        [
            (down[:, None, None] * pace).expand(rows, columns, half),
            (right[None, :, None] * pace).expand(rows, columns, half),
        ],
        dim=-1,
    )
    return angles.flatten(0, 1)


def rotate(x: Float[Tensor, "... T C"], angles: Float[Tensor, "T C"]) -> Float[Tensor, "... T C"]:
    """Turns the neighbouring channels (0, 1), (2, 3), ... of every token, in float32 at least."""
    even, odd = x[..., ::2], x[..., 1::2]
    turned = torch.stack([-odd, even], dim=-1).flatten(-2)
    return (x * angles.cos() + turned * angles.sin()).to(x.dtype)
