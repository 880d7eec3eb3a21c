"""Velocity from two moments."""

import pytest
import torch

from drivetr.models.velocity import (
    AttendedVelocity,
    DisplacementVelocity,
    RememberedVelocity,
    Sighting,
    elapsed_seconds,
)

PLACE = torch.zeros(2, 3, 2)  # where a head finds the objects


def test_the_published_one_is_displacement_over_time() -> None:
    raw = torch.randn(2, 3, 2)
    found = DisplacementVelocity()(raw, torch.zeros(2, 3, 4), PLACE, None, torch.tensor([0.5, 2.0]))
    torch.testing.assert_close(found[0], raw[0] * 2)
    torch.testing.assert_close(found[1], raw[1] / 2)


def test_elapsed_time_is_between_the_halves() -> None:
    age = torch.tensor([[0.0, -0.02, 0.5, 0.54]], dtype=torch.float64)
    torch.testing.assert_close(elapsed_seconds(age), torch.tensor([0.53]))


@pytest.mark.parametrize("age", [None, torch.zeros(1, 3), torch.zeros(1, 4)])
def test_without_a_past_there_is_no_time(age: torch.Tensor | None) -> None:
    with pytest.raises(ValueError, match="of the past|older than the first"):
        elapsed_seconds(age)


def test_attended_points_that_all_moved_alike() -> None:
    torch.manual_seed(0)
    velocity = AttendedVelocity(8, 4)
    query, raw, elapsed = torch.randn(2, 3, 8), torch.randn(2, 3, 2), torch.tensor([0.5, 1.0])
    then = torch.randn(2, 4, 3, 3)
    went = torch.tensor([1.0, -2.0, 9.0])
    found = velocity(raw, query, PLACE, torch.cat([then + went, then], dim=1), elapsed)
    moving = 1 - velocity.gate(query).softmax(-1)[..., -1:]
    torch.testing.assert_close(found, raw + moving * went[:2] / elapsed[:, None, None])


def test_points_of_one_moment_are_refused() -> None:
    arguments = torch.zeros(1, 3, 2), torch.zeros(1, 3, 8), PLACE
    for points in (None, torch.zeros(1, 4, 3, 3)):
        with pytest.raises(ValueError, match=r"points of 2 \* 4 heads"):
            AttendedVelocity(8, 4)(*arguments, points, torch.ones(1))


def seen(place: torch.Tensor, velocity: torch.Tensor, known: torch.Tensor) -> Sighting:
    return Sighting(place, velocity, torch.full(known.shape, 0.5), known)


def test_the_way_since_an_object_was_seen() -> None:
    """Where the new place agrees with the old velocity, the share of the gates says how much."""
    torch.manual_seed(0)
    head = RememberedVelocity(8)
    query, raw = torch.randn(1, 3, 8), torch.randn(1, 3, 2)
    velocity, then = torch.randn(1, 3, 2), torch.randn(1, 3, 2)
    known = torch.tensor([[True, True, False]])
    found = head(raw, query, then + 0.5 * velocity, None, seen(then, velocity, known))
    told = 1 - head.gate(query).softmax(-1)[..., 2:]
    torch.testing.assert_close(found[:, :2], (raw + told * velocity)[:, :2])
    torch.testing.assert_close(found[:, 2], raw[:, 2])


def test_a_new_place_corrects_an_old_velocity() -> None:
    head = RememberedVelocity(8)
    torch.nn.init.zeros_(head.gate.weight)
    head.gate.bias.data = torch.tensor([0.25, 0.5, 0.25]).log()
    zeros, known = torch.zeros(1, 1, 2), torch.ones(1, 1, dtype=torch.bool)
    place = torch.tensor([[[3.0, 0.0]]], requires_grad=True)
    velocity = torch.tensor([[[0.0, 4.0]]])
    found = head(zeros, torch.randn(1, 1, 8), place, None, seen(zeros, velocity, known))
    torch.testing.assert_close(found, torch.tensor([[[3.0, 1.0]]]))
    found.sum().backward()
    assert place.grad is None
