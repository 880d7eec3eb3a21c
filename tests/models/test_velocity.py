"""Velocity from two moments."""

from dataclasses import replace

import pytest
import torch

from drivetr.errors import DrivetrError
from drivetr.models.velocity import (
    AttendedVelocity,
    DisplacementVelocity,
    RecalledVelocity,
    Remembered,
    elapsed_seconds,
)
from drivetr.structures.cameras import Cameras
from tests.models.samples import make_cameras

PLACE = torch.zeros(2, 3, 2)  # where a head finds the objects


def test_the_published_one_is_displacement_over_time() -> None:
    raw = torch.randn(2, 3, 2)
    found = DisplacementVelocity()(raw, torch.zeros(2, 3, 4), PLACE, None, torch.tensor([0.5, 2.0]))
    torch.testing.assert_close(found[0], raw[0] * 2)
    torch.testing.assert_close(found[1], raw[1] / 2)


def aged(ages: list[float] | None, valid: list[bool] | None = None) -> Cameras:
    count = len(ages) if ages else len(valid or [0] * 4)
    cameras = make_cameras(1, count)
    seen = torch.tensor([valid or [True] * count])
    age = None if ages is None else torch.tensor([ages], dtype=torch.float64)
    return replace(cameras, age_s=age, valid=seen)


def test_elapsed_time_is_between_the_halves() -> None:
    torch.testing.assert_close(elapsed_seconds(aged([0.0, -0.02, 0.5, 0.54])), torch.tensor([0.53]))


@pytest.mark.parametrize(
    ("valid", "elapsed"),
    [
        ([True, False, True, True], 0.5),  # absent now
        ([True, True, True, False], 0.5),  # absent then
        ([False, True, True, False], 0.8725),  # no camera at both moments: all count
    ],
)
def test_an_absent_camera_tells_no_time(valid: list[bool], elapsed: float) -> None:
    found = elapsed_seconds(aged([0.0, 0.0, 0.5, 1.245], valid))
    torch.testing.assert_close(found, torch.tensor([elapsed]))


@pytest.mark.parametrize("ages", [None, [0.0] * 3, [0.0] * 4, [0.0, 0.0, 0.02, 0.03]])
def test_without_a_past_there_is_no_time(ages: list[float] | None) -> None:
    with pytest.raises(DrivetrError, match=r"past=dict\(type=PastImages\)"):
        elapsed_seconds(aged(ages))


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


def memory(rows: int, known: list[bool] | None = None) -> Remembered:
    return Remembered(
        content=torch.randn(2, rows, 8),
        place=3 * torch.randn(2, rows, 2),
        velocity=torch.randn(2, rows, 2),
        age_s=torch.rand(2, rows) + 0.5,
        known=torch.tensor([known or [True] * rows] * 2),
    )


def test_recalled_velocity_against_loops() -> None:
    torch.manual_seed(0)
    head, earlier = RecalledVelocity(8, widths_m=(1.0, 2.0)), memory(4, [True, False, True, True])
    torch.nn.init.uniform_(head.log_width)
    torch.nn.init.uniform_(head.nowhere)
    query, raw, place = torch.randn(2, 3, 8), torch.randn(2, 3, 2), 3 * torch.randn(2, 3, 2)
    found = head(raw, query, place, None, earlier)
    asks, answers = head.asks(query), head.answers(earlier.content)
    for b in range(2):
        for q in range(3):
            ways, shares = [], []
            for h in range(2):
                part = slice(4 * h, 4 * h + 4)
                terms, went = torch.zeros(()), torch.zeros(2)
                for m in (0, 2, 3):
                    now = earlier.place[b, m] + earlier.velocity[b, m] * earlier.age_s[b, m]
                    off = (place[b, q] - now).square().sum()
                    alike = asks[b, q, part] @ answers[b, m, part] / 2
                    doubt = (earlier.age_s[b, m] + 0.5) * head.log_width[h].exp() ** 2
                    weight = (alike - off / (2 * doubt)).exp()
                    terms = terms + weight
                    went = went + weight * (place[b, q] - earlier.place[b, m]) / earlier.age_s[b, m]
                ways.append(went / terms)
                shares.append(terms / (terms + head.nowhere[h].exp()))
            speeds = torch.stack([way.norm() for way in ways])
            gates = head.gate(torch.cat([query[b, q], speeds, torch.stack(shares)])).softmax(-1)
            expected = raw[b, q] + sum(g * way for g, way in zip(gates[:2], ways, strict=True))
            torch.testing.assert_close(found[b, q], expected, atol=1e-5, rtol=1e-5)


def test_without_a_known_object_the_raw_output_stays() -> None:
    head, raw = RecalledVelocity(8), torch.randn(2, 3, 2)
    found = head(raw, torch.randn(2, 3, 8), PLACE, None, memory(4, [False] * 4))
    torch.testing.assert_close(found, raw)


def test_the_place_learns_nothing_from_the_velocity() -> None:
    place = torch.zeros(2, 3, 2, requires_grad=True)
    head = RecalledVelocity(8)
    head(torch.zeros(2, 3, 2), torch.randn(2, 3, 8), place, None, memory(4)).sum().backward()
    assert place.grad is None
    assert all(p.grad is not None for p in head.parameters())


def test_it_learns_which_object_was_which() -> None:
    """Two kinds of objects cross: their looks tell which went where, their places do not."""
    torch.manual_seed(0)
    head = RecalledVelocity(8, widths_m=(2.5,))
    optimizer = torch.optim.Adam(head.parameters(), lr=0.03)
    looks = torch.randn(2, 8)
    losses = []
    for _ in range(150):
        start = torch.rand(16, 2, 2) * 2
        velocity = torch.randn(16, 2, 2) * 3
        earlier = Remembered(
            looks.expand(16, -1, -1), start, torch.zeros(16, 2, 2), torch.ones(16, 2),
            torch.ones(16, 2, dtype=torch.bool),
        )  # fmt: skip
        found = head(
            torch.zeros(16, 2, 2), looks.expand(16, -1, -1), start + velocity, None, earlier
        )
        losses.append((found - velocity).abs().mean())
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < 0.35 * losses[0]
