"""Reads classes and boxes out of the decoder's queries."""

import math
from collections.abc import Sequence
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drivetr.geometry.box_codes import BOX_CODES, boxes_from_code
from drivetr.geometry.boxes import BOX_DIM, CENTER, VELOCITY
from drivetr.models.named_classes import NamedClasses
from drivetr.models.velocity import Remembered
from drivetr.nn.grouped_mlp import GroupedMlp
from drivetr.nn.mlp import mlp, normed_mlp
from drivetr.nn.ranges import Range3D, inverse_sigmoid, metres_from_unit


class Centre(Protocol):
    """How the centre of a box follows from the raw output and where the query looked."""

    def __call__(
        self,
        raw: Float[Tensor, "B Q 3"],
        query: Float[Tensor, "B Q C"],
        reference: Float[Tensor, "B Q 3"],
        points: Float[Tensor, "B heads Q 3"] | None,
    ) -> Float[Tensor, "B Q 3"]:
        """Metres, from a reference in units of the detection range."""
        ...


class SigmoidCentre(nn.Module):
    """PETR's centre: sigmoid(raw + logit(reference)) of the detection range.

    Args:
        span: the detection range.
    """

    def __init__(self, span: Range3D) -> None:
        super().__init__()
        self.span = span

    def forward(
        self, raw: Tensor, query: Tensor, reference: Tensor, points: Tensor | None
    ) -> Float[Tensor, "B Q 3"]:
        """Metres; neither the query nor the attended points are looked at."""
        return metres_from_unit((raw + inverse_sigmoid(reference)).sigmoid(), self.span)


class AttendedCentre(nn.Module):
    """The reference, moved by a gated mean of the points the heads looked at, plus the raw output.

    Args:
        span: the detection range.
        embed_dim: width C of the queries.
        num_heads: heads of the cross-attention.
    """

    def __init__(self, span: Range3D, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        self.span = span
        self.gate = nn.Linear(embed_dim, num_heads + 1)  # the last gate keeps the reference

    def forward(
        self, raw: Tensor, query: Tensor, reference: Tensor, points: Tensor | None
    ) -> Float[Tensor, "B Q 3"]:
        """Metres."""
        if points is None:
            raise ValueError("AttendedCentre needs a cross-attention with a kernel")
        start = metres_from_unit(reference, self.span)
        gates = self.gate(query).softmax(-1)[..., :-1]  # B Q heads
        offsets = points.transpose(1, 2) - start[:, :, None]  # B Q heads 3
        return start + (gates[..., None] * offsets).sum(2) + raw


class BoxHead(nn.Module):
    """Two small networks a decoder layer: class logits, and a box in a published column order.

    Args:
        embed_dim: width C of the queries.
        num_classes: K.
        num_layers: decoder layers L.
        centre: how a centre follows from raw output, reference and attended points.
        code: name of the raw output's column order (`drivetr.geometry.box_codes`).
        share_branches: all layers use the same two networks (PETR, StreamPETR) and not their own.
        prior: score that an untrained head gives to every class, as in focal loss.
        names: compares queries with texts; without it every class has weights of its own.
        group_dims: raw columns that each get a network of their own behind a common one (PETRv2).
        velocity: how a velocity follows from raw output, place and what was seen earlier
            (`drivetr.models.velocity`); without it the raw output is the velocity.
    """

    def __init__(  # noqa: PLR0913 - two small networks, their sizes and what reads them
        self,
        embed_dim: int,
        num_classes: int,
        num_layers: int,
        centre: nn.Module,
        code: str = "drivetr",
        share_branches: bool = False,
        prior: float = 0.01,
        names: NamedClasses | None = None,
        group_dims: Sequence[int] | None = None,
        velocity: nn.Module | None = None,
    ) -> None:
        super().__init__()
        own = 1 if share_branches else num_layers
        width = num_classes if names is None else names.branch_width
        classify = [normed_mlp(embed_dim, embed_dim, embed_dim, width) for _ in range(own)]
        regress = [_box_branch(embed_dim, group_dims) for _ in range(own)]
        start = torch.full((width,), -math.log(1 / prior - 1))
        if names is not None:
            start[:-1] = 0  # a place in the space of texts; the last number is the score
        for branch in classify:
            branch[-1].bias = nn.Parameter(start.clone())
        self.classify = nn.ModuleList(classify * (num_layers // own))
        self.regress = nn.ModuleList(regress * (num_layers // own))
        self.centre = centre
        self.velocity = velocity
        self.names = names
        if code not in BOX_CODES:
            raise ValueError(f"code is {code!r}, expected one of {', '.join(BOX_CODES)}")
        self.code = BOX_CODES[code]

    def forward(
        self,
        layer: int,
        query: Float[Tensor, "B Q C"],
        reference: Float[Tensor, "B Q 3"],
        points: Float[Tensor, "B heads Q 3"] | None,
        earlier: Float[Tensor, "B"] | Remembered | None = None,
    ) -> dict[str, Tensor]:
        """What decoder layer `layer` reads from normed queries.

        Args:
            layer: which one.
            query: the queries.
            reference: where they started from, in units of the detection range.
            points: what their heads looked at, in metres.
            earlier: for a head with `velocity`, the seconds between the moments that the images
                show, or what is remembered of the queries' objects.

        Returns:
            `pred_logits` (B,Q,K), `pred_boxes` (B,Q,10) in metres, and what `names` adds.
        """
        classes = self.classify[layer](query).float()
        prediction = {"pred_logits": classes} if self.names is None else self.names(classes)
        boxes = boxes_from_code(self.regress[layer](query).float(), self.code)
        centre = self.centre(boxes[..., CENTER], query.float(), reference, points)
        velocity = boxes[..., VELOCITY]
        if self.velocity is not None:
            velocity = self.velocity(velocity, query.float(), centre[..., :2], points, earlier)
        parts = [centre, boxes[..., CENTER.stop : VELOCITY.start], velocity]
        return {**prediction, "pred_boxes": torch.cat(parts, dim=-1)}


def _box_branch(embed_dim: int, group_dims: Sequence[int] | None) -> nn.Module:
    if group_dims is None:
        return mlp(embed_dim, embed_dim, embed_dim, BOX_DIM)
    if sum(group_dims) != BOX_DIM:
        raise ValueError(f"group_dims are {tuple(group_dims)}, expected a sum of {BOX_DIM}")
    return GroupedMlp(embed_dim, group_dims)
