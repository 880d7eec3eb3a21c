"""What a position encoding hands to attention, and the interface that every encoding keeps."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from drivetr.structures.cameras import Cameras


@dataclass(frozen=True)
class Position:
    """Where T tokens are; either part may be absent.

    Attributes:
        added: joins the content of queries and keys by addition, before their projections.
        points: metres in the reference frame; they enter the attention as a Gaussian kernel
            (`drivetr.nn.kernel`), beside the content, and are averaged by its weights.
    """

    added: Float[Tensor, "B T C"] | None = None
    points: Float[Tensor, "B T 3"] | None = None

    def followed_by(self, other: "Position") -> "Position":
        """The positions of these tokens and then of others; both have the same parts."""
        return Position(_joined(self.added, other.added), _joined(self.points, other.points))

    def __getitem__(self, tokens: slice | Tensor) -> "Position":
        """The positions of some of the tokens, by a slice or by their numbers."""
        return Position(
            None if self.added is None else self.added[:, tokens],
            None if self.points is None else self.points[:, tokens],
        )


def _joined(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    if first is None or second is None:
        return None
    return torch.cat([first, second], dim=1)


@runtime_checkable
class PositionEncoding(Protocol):
    """Where image tokens and object queries are, in terms that compare with each other."""

    def encode_keys(
        self,
        features: Float[Tensor, "B N C H W"],
        cameras: Cameras,
        points: Float[Tensor, "B N H W 3"] | None,
    ) -> Position:
        """Positions of the N * H * W image tokens, in the order (camera, row, column).

        Args:
            features: the tokens' content.
            cameras: calibration and padding.
            points: metres in the reference frame, where a depth head gives one point a token.
        """
        ...

    def encode_queries(self, reference: Float[Tensor, "B Q 3"]) -> Position:
        """Positions of queries from reference points in units of the detection range (0..1)."""
        ...
