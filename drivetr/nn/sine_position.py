"""Sine encodings of words, image cells (DETR, PETR) and reference points (PETR)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

_TEMPERATURE = 10000.0


def _angles(
    position: Float[Tensor, "*B"], num_feats: int, temperature: float = _TEMPERATURE
) -> Float[Tensor, "*B F"]:
    """`position` divided by a geometric series of wavelengths; columns 2i and 2i+1 share one."""
    pair = torch.arange(num_feats, device=position.device) // 2
    return position[..., None] / temperature ** (2 * pair.float() / num_feats)


def multiview_sine(
    padding: Bool[Tensor, "B N H W"], num_feats: int, eps: float = 1e-6
) -> Float[Tensor, "B N 3*{num_feats} H W"]:
    """Encodes camera, row and column of every cell, each counted over cells that are not padding.

    Each axis gives [sines | cosines] of its count as a share of the last count (plus `eps`) times
    2 pi, and the axes follow one another as (camera, row, column), as in PETR's
    SinePositionalEncoding3D.

    Args:
        padding: True where a cell looks at padding.
        num_feats: columns per axis, even.
        eps: keeps an axis that is all padding finite.
    """
    real = (~padding).float()
    parts = []
    for axis in (1, 2, 3):
        count = real.cumsum(axis)
        share = count / (count.narrow(axis, -1, 1) + eps)
        angles = _angles(share * (2 * torch.pi), num_feats)  # B N H W F
        parts += [angles[..., 0::2].sin(), angles[..., 1::2].cos()]
    return torch.cat(parts, dim=-1).movedim(-1, 2)


def image_sine(
    padding: Bool[Tensor, "B H W"],
    num_feats: int,
    eps: float = 1e-6,
    temperature: float = _TEMPERATURE,
) -> Float[Tensor, "B 2*{num_feats} H W"]:
    """Encodes row and column of every cell, each counted over cells that are not padding.

    Sines and cosines of the count as a share of the last count (plus `eps`) times 2 pi alternate,
    and the axes follow one another as (row, column), as in DETR's PositionEmbeddingSine.

    Args:
        padding: True where a cell looks at padding.
        num_feats: columns per axis, even.
        eps: keeps an axis that is all padding finite.
        temperature: ratio of the longest wavelength to the shortest, nearly.
    """
    real = (~padding).float()
    parts = []
    for axis in (1, 2):
        count = real.cumsum(axis)
        share = count / (count.narrow(axis, -1, 1) + eps)
        angles = _angles(share * (2 * torch.pi), num_feats, temperature)  # B H W F
        parts.append(_alternating(angles))
    return torch.cat(parts, dim=-1).movedim(-1, 1)


def sequence_sine(length: int, num_feats: int) -> Float[Tensor, "{length} {num_feats}"]:
    """Encodes places 0, 1, ... of a sequence: sine and cosine alternate (arXiv:1706.03762, 3.5).

    Args:
        length: of the sequence.
        num_feats: columns, even.
    """
    return _alternating(_angles(torch.arange(length).float(), num_feats))


def sine_of_points(
    reference: Float[Tensor, "*B 3"], num_feats: int
) -> Float[Tensor, "*B 3*{num_feats}"]:
    """Encodes points in units of the detection range (PETR's pos2posemb3d).

    Sines and cosines alternate, and the axes follow one another as (y, x, z).

    Args:
        reference: points, 0..1.
        num_feats: columns per axis, even.
    """
    angles = _angles(reference.float() * (2 * torch.pi), num_feats)  # *B 3 F
    return _alternating(angles)[..., [1, 0, 2], :].flatten(-2)


def sine_of_scalars(values: Float[Tensor, "*B"], num_feats: int) -> Float[Tensor, "*B {num_feats}"]:
    """Encodes numbers, a unit of which is 2 pi (StreamPETR's pos2posemb1d).

    Sine and cosine alternate. float64 stays float64, so that large values keep their digits.

    Args:
        values: such as seconds.
        num_feats: columns, even.
    """
    return _alternating(_angles(values * (2 * torch.pi), num_feats))


def sine_octaves(values: Float[Tensor, "*B D"], num_octaves: int) -> Float[Tensor, "*B E"]:
    """Sines, then cosines of all columns, times 1, 2, 4, ... (NeRF's encoding without pi).

    Args:
        values: D columns.
        num_octaves: the result has E = 2 * D * num_octaves columns.
    """
    octaves = [values * 2.0**octave for octave in range(num_octaves)]
    return torch.cat([part for x in octaves for part in (x.sin(), x.cos())], dim=-1)


def _alternating(angles: Float[Tensor, "*B F"]) -> Float[Tensor, "*B F"]:
    """Sine of the even columns and cosine of the odd ones."""
    return torch.stack([angles[..., 0::2].sin(), angles[..., 1::2].cos()], dim=-1).flatten(-2)
