"""Velocity from two moments."""

import pytest
import torch

from drivetr.models.velocity import (
    AttendedVelocity,
    DisplacementVelocity,
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
