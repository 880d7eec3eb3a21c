"""The point-aware encoding: tokens and queries are 3D points that attention compares directly."""

from jaxtyping import Float
from torch import Tensor, nn

from drivetr.nn.position import Position
from drivetr.nn.ranges import Range3D, metres_from_unit
from drivetr.structures.cameras import Cameras


class PointPosition(nn.Module):
    """Hands the points of a depth head and the reference points to the attention kernels.

    Points are detached: the depth head learns from its own loss, not through the kernel.

    Args:
        span: the detection range that reference points are fractions of.
    """

    def __init__(self, span: Range3D) -> None:
        super().__init__()
        self.span = span

    def encode_keys(
        self,
        features: Float[Tensor, "B N C H W"],
        cameras: Cameras,
        points: Float[Tensor, "B N H W 3"] | None,
    ) -> Position:
        """The image tokens' points in metres."""
        if points is None:
            raise ValueError("PointPosition needs a detector with a depth head")
        return Position(points=points.detach().flatten(1, 3))

    def encode_queries(self, reference: Float[Tensor, "B Q 3"]) -> Position:
        """The reference points in metres."""
        return Position(points=metres_from_unit(reference, self.span))
