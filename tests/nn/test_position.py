"""Parts of a position stay beside their tokens."""

import torch

from drivetr.nn.frustum_position import FrustumPositionEncoding
from drivetr.nn.grid_position import GridPosition
from drivetr.nn.point_position import PointPosition
from drivetr.nn.position import Position, PositionEncoding

FIRST = Position(torch.randn(2, 3, 8), torch.randn(2, 3, 3))
SECOND = Position(torch.randn(2, 4, 8), torch.randn(2, 4, 3))


def test_joined_and_taken_apart_again() -> None:
    both = FIRST.followed_by(SECOND)
    for part, tokens in ((FIRST, slice(3)), (SECOND, slice(3, None)), (SECOND, torch.arange(3, 7))):
        assert torch.equal(both[tokens].added, part.added)
        assert torch.equal(both[tokens].points, part.points)


def test_a_part_that_one_side_lacks_is_lacking() -> None:
    both = Position(points=FIRST.points).followed_by(SECOND)
    assert both.added is None
    assert both.points is not None
    assert both[:1].added is None


def test_every_encoding_keeps_the_interface() -> None:
    span = (0.0, 0.0, 0.0, 1.0, 1.0, 1.0)
    for encoding in (FrustumPositionEncoding(16), GridPosition(16), PointPosition(span)):
        assert isinstance(encoding, PositionEncoding)
