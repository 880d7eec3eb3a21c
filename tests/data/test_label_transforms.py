"""Moved images against where their pixels have to go."""

import pytest
import torch

from drivetr.data.label_transforms import RandomAffine
from drivetr.structures.labelled import LabelledImage


def dot(row: int, column: int, side: int = 21) -> LabelledImage:
    image = torch.zeros(3, side, side)
    image[:, row, column] = 1
    return LabelledImage("dot", 0, image, 7)


def centre(sample: LabelledImage) -> tuple[float, float]:
    """Row and column of the centre of mass."""
    mass = sample.image[0] / sample.image[0].sum()
    axis = torch.arange(mass.shape[0], dtype=mass.dtype)
    return float((mass.sum(1) * axis).sum()), float((mass.sum(0) * axis).sum())


def generators(count: int = 40):
    return [torch.Generator().manual_seed(seed) for seed in range(count)]


def test_shifts_stay_within_their_bound_and_use_it():
    moved = [centre(RandomAffine(shift=0.2)(dot(10, 10), g)) for g in generators()]
    offsets = torch.tensor(moved) - 10
    assert offsets.abs().max() <= 0.2 * 21 + 1e-3
    assert (offsets.amax(0) > 3).all()
    assert (offsets.amin(0) < -3).all()


def test_turns_keep_the_distance_to_the_middle():
    moved = [centre(RandomAffine(degrees=30)(dot(10, 18), g)) for g in generators()]
    offsets = torch.tensor(moved) - 10
    angles = torch.atan2(offsets[:, 0], offsets[:, 1]).rad2deg()
    torch.testing.assert_close(offsets.norm(dim=1), torch.full((40,), 8.0), atol=0.3, rtol=0)
    assert angles.abs().max() <= 31
    assert angles.max() > 20
    assert angles.min() < -20


def test_zoom_moves_away_from_the_middle_or_towards_it():
    moved = [centre(RandomAffine(zoom=0.25)(dot(10, 18), g))[1] - 10 for g in generators()]
    assert 5.5 < min(moved) < 7 < 9 < max(moved) < 10.5


def test_nothing_moves_without_bounds():
    sample = dot(3, 5)
    moved = RandomAffine()(sample, generators(1)[0])
    torch.testing.assert_close(moved.image, sample.image, atol=1e-4, rtol=0)
    assert (moved.label, moved.name) == (7, "dot")


def test_bounds_that_make_no_sense():
    with pytest.raises(ValueError, match="must not be negative"):
        RandomAffine(degrees=-1)
    with pytest.raises(ValueError, match="zoom must be below 1"):
        RandomAffine(zoom=1.0)
