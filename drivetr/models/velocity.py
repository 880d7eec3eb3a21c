"""How velocity follows from images of two moments, or from what is remembered."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from drivetr.errors import DrivetrError
from drivetr.nn.mlp import mlp
from drivetr.structures.cameras import Cameras

_NO_PAST = (
    "this detector reads velocity from images of two moments, but its frames have no earlier ones;"
    " give train_data and test_data past=dict(type=PastImages)"
)
MIN_AGE_S = 0.05  # places of moments that are nearer tell no velocity
_SURE_S = 0.5  # places are in doubt as if seen so long ago, even those seen just now


@dataclass(frozen=True)
class Remembered:
    """Queries of earlier frames as the present sees them.

    Attributes:
        content: what they had become.
        place: where they were, x and y in metres of the present reference frame.
        velocity: m/s along its axes.
        age_s: seconds since then.
        known: False for rows of the memory that hold no object.
    """

    content: Float[Tensor, "B M C"]
    place: Float[Tensor, "B M 2"]
    velocity: Float[Tensor, "B M 2"]
    age_s: Float[Tensor, "B M"]
    known: Bool[Tensor, "B M"]


class Velocity(Protocol):
    """How a velocity follows from the raw output, the place and what was seen before."""

    def __call__(
        self,
        raw: Float[Tensor, "B Q 2"],
        query: Float[Tensor, "B Q C"],
        place: Float[Tensor, "B Q 2"],
        points: Float[Tensor, "B heads Q 3"] | None,
        earlier: Float[Tensor, "B"] | Remembered,
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


class RecalledVelocity(nn.Module):
    """A gated mean of the ways since objects of the memory were seen, plus the raw output.

    Every query asks which of the remembered queries was its object: one that looked alike and that,
    going on as it went, would be near by now; or none. The answer is soft, so that it is learned
    from the velocity's own loss, and it needs no query to go on as itself: where a moving object is
    found by another query than before, its velocity is known all the same. How likely there was one
    at all, and how fast it would be, decide whether the answer counts.

    Args:
        embed_dim: width C of the queries.
        widths_m: for each of several answers side by side, how far the object may be from where it
            should be half a second after it was seen, at first. It is known worse the longer ago
            that was.
    """

    def __init__(self, embed_dim: int, widths_m: Sequence[float] = (1.0, 2.0, 3.0, 4.0)) -> None:
        super().__init__()
        self.num_heads = num_heads = len(widths_m)
        self.asks = nn.Linear(embed_dim, embed_dim)
        self.answers = nn.Linear(embed_dim, embed_dim)
        # What looks alike answers from the first step on.
        self.answers.load_state_dict(self.asks.state_dict())
        self.log_width = nn.Parameter(torch.tensor(widths_m).log())
        self.nowhere = nn.Parameter(torch.zeros(num_heads))
        self.gate = mlp(
            embed_dim + 2 * num_heads, embed_dim, num_heads + 1
        )  # the last is for no way

    def forward(
        self,
        raw: Tensor,
        query: Tensor,
        place: Tensor,
        points: Tensor | None,
        earlier: Remembered,
    ) -> Float[Tensor, "B Q 2"]:
        """Metres a second.

        The place is detached: it learns from its own loss, not through a difference.
        """
        place = place.detach()
        share = self.shares(query, place, earlier)
        age = earlier.age_s.clamp(min=MIN_AGE_S)[:, None, :, None]
        way = (place[:, :, None] - earlier.place[:, None]) / age  # B Q M 2
        known = share.sum(-1).transpose(1, 2)  # B Q heads
        went = torch.einsum("bhqm,bqmd->bqhd", share, way) / known.clamp(min=1e-6)[..., None]
        told = torch.cat([query, went.norm(dim=-1), known], dim=-1)
        gates: Tensor = self.gate(told).softmax(-1)[..., :-1]  # B Q heads
        return raw + (gates[..., None] * went).sum(2)

    def shares(
        self, query: Float[Tensor, "B Q C"], place: Float[Tensor, "B Q 2"], earlier: Remembered
    ) -> Float[Tensor, "B heads Q M"]:
        """How likely each remembered query is each query's object; the rest to one is nowhere."""
        by_now = earlier.place + earlier.velocity * earlier.age_s[..., None]
        off = torch.cdist(place, by_now).square() / (earlier.age_s + _SURE_S)[:, None]
        precision = (-2 * self.log_width).exp()[:, None, None]
        asks, answers = self._heads(self.asks(query)), self._heads(self.answers(earlier.content))
        logits = (
            asks @ answers.transpose(-1, -2) * asks.shape[-1] ** -0.5 - off[:, None] * precision / 2
        )
        logits = logits.masked_fill(~earlier.known[:, None, None], -torch.inf)
        nowhere = self.nowhere[:, None, None].expand(*logits.shape[:-1], 1)
        return torch.cat([logits, nowhere], dim=-1).softmax(-1)[..., :-1]

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)


def elapsed_seconds(cameras: Cameras | None) -> Float[Tensor, "B"]:
    """Mean seconds from the cameras of the second half to those of the first, in float32.

    Cameras that showed nothing at either moment do not count, unless none is left.

    Args:
        cameras: N / 2 of the present and then the same ones of the past, with `age_s`.

    Raises:
        DrivetrError: the second half is not older than the first, so the frames have no past.
    """
    if cameras is None or cameras.age_s is None or cameras.age_s.shape[-1] % 2:
        raise DrivetrError(_NO_PAST)
    now, then = cameras.age_s.float().chunk(2, dim=-1)
    both = cameras.valid.unflatten(-1, (2, -1)).all(-2)
    both = both | ~both.any(-1, keepdim=True)
    elapsed = ((then - now) * both).sum(-1) / both.sum(-1)
    if bool((elapsed < MIN_AGE_S).any()):
        raise DrivetrError(_NO_PAST)
    return elapsed
