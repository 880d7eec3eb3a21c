"""How velocity follows from images of two moments, or from what is remembered."""

from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

MIN_AGE_S = 0.05  # places of moments that are nearer tell no velocity


@dataclass(frozen=True)
class Sighting:
    """The objects that queries go on from, as they were when they were last seen.

    Attributes:
        place: x and y in metres of the present reference frame.
        velocity: m/s along its axes.
        age_s: seconds since then.
        known: False for queries that go on from nothing.
    """

    place: Float[Tensor, "B Q 2"]
    velocity: Float[Tensor, "B Q 2"]
    age_s: Float[Tensor, "B Q"]
    known: Bool[Tensor, "B Q"]


class Velocity(Protocol):
    """How a velocity follows from the raw output, the place and what was seen before."""

    def __call__(
        self,
        raw: Float[Tensor, "B Q 2"],
        query: Float[Tensor, "B Q C"],
        place: Float[Tensor, "B Q 2"],
        points: Float[Tensor, "B heads Q 3"] | None,
        earlier: Float[Tensor, "B"] | Sighting,
    ) -> Float[Tensor, "B Q 2"]:
        """Metres a second.

        Args:
            raw: what the head says.
            query: the queries.
            place: x and y where the head finds them.
            points: what their heads looked at, in metres.
            earlier: seconds between the two moments that images show, or what is remembered.
        """
        ...


class DisplacementVelocity(nn.Module):
    """PETRv2's velocity (arXiv:2206.01256): the raw output is how far the object went."""

    def forward(
        self, raw: Tensor, query: Tensor, place: Tensor, points: Tensor | None, elapsed_s: Tensor
    ) -> Float[Tensor, "B Q 2"]:
        """Metres a second; neither the query nor the attended points are looked at."""
        return raw / elapsed_s[:, None, None]


class AttendedVelocity(nn.Module):
    """A gated mean of how far the point that a head looks at went, plus the raw output.

    Args:
        embed_dim: width C of the queries.
        num_heads: heads that look at each moment; `points` holds those of the present, then those
            of the past.
    """

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        self.gate = nn.Linear(embed_dim, num_heads + 1)  # the last gate is for not having moved

    def forward(
        self, raw: Tensor, query: Tensor, place: Tensor, points: Tensor | None, elapsed_s: Tensor
    ) -> Float[Tensor, "B Q 2"]:
        """Metres a second."""
        heads = self.gate.out_features - 1
        if points is None or points.shape[1] != 2 * heads:
            found = "none" if points is None else f"{points.shape[1]}"
            raise ValueError(f"AttendedVelocity needs the points of 2 * {heads} heads, got {found}")
        gates = self.gate(query).softmax(-1)[..., :-1]  # B Q heads
        now, then = points[..., :2].transpose(1, 2).split(heads, dim=2)  # B Q heads 2
        went = (gates[..., None] * (now - then)).sum(2)
        return went / elapsed_s[:, None, None] + raw


class RememberedVelocity(nn.Module):
    """A gated mean of the velocity that is remembered and of the way since then, plus the raw one.

    Where the object went on as it had, both are the same: the gate between them says how far a new
    place corrects the old velocity, as the gain of a Kalman filter does.

    Args:
        embed_dim: width C of the queries.
    """

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.gate = nn.Linear(embed_dim, 3)  # the last gate is for neither

    def forward(
        self,
        raw: Tensor,
        query: Tensor,
        place: Tensor,
        points: Tensor | None,
        earlier: Sighting,
    ) -> Float[Tensor, "B Q 2"]:
        """Metres a second; the raw ones for queries that go on from nothing.

        The place is detached: it learns from its own loss, not through a difference.
        """
        age = earlier.age_s.clamp(min=MIN_AGE_S)[..., None]
        went = (place.detach() - earlier.place) / age
        gates = self.gate(query).softmax(-1)
        told = gates[..., :1] * earlier.velocity + gates[..., 1:2] * went
        return raw + torch.where(earlier.known[..., None], told, 0.0)


def elapsed_seconds(age_s: Float[Tensor, "B N"] | None) -> Float[Tensor, "B"]:
    """Mean seconds from the cameras of the second half to those of the first, in float32.

    Args:
        age_s: `Cameras.age_s` of N / 2 cameras of the present and then the same ones of the past.

    Raises:
        ValueError: the ages are unknown, or the second half is not older.
    """
    if age_s is None or age_s.shape[-1] % 2:
        raise ValueError("velocity needs Cameras.age_s of as many cameras of the past as of now")
    now, then = age_s.float().chunk(2, dim=-1)
    elapsed = (then - now).mean(-1)
    if bool((elapsed <= 0).any()):
        raise ValueError(
            f"the second half of the cameras is {elapsed.tolist()} seconds older than the first,"
            " expected more than 0"
        )
    return elapsed
