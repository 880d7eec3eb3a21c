"""Positions that are points, number by number."""

import pytest
import torch

from drivetr.nn.point_position import PointPosition
from tests.models.samples import make_cameras

SPAN = (-10.0, -20.0, -2.0, 30.0, 20.0, 6.0)


def test_tokens_lie_where_the_depth_head_says_and_teach_it_nothing() -> None:
    points = torch.randn(2, 3, 2, 4, 3, requires_grad=True)
    features = torch.zeros(2, 3, 8, 2, 4)
    found = PointPosition(SPAN).encode_keys(features, make_cameras(2, 3), points)
    assert found.added is None
    assert found.points is not None
    assert not found.points.requires_grad
    for camera, row, column in [(0, 0, 0), (1, 0, 3), (2, 1, 1)]:
        token = (camera * 2 + row) * 4 + column
        assert torch.equal(found.points[1, token], points[1, camera, row, column])


def test_queries_lie_at_their_share_of_the_range() -> None:
    reference = torch.tensor([[[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.25, 0.5, 0.75]]])
    found = PointPosition(SPAN).encode_queries(reference).points
    expected = torch.tensor([[[-10.0, -20.0, -2.0], [30.0, 20.0, 6.0], [0.0, 0.0, 4.0]]])
    torch.testing.assert_close(found, expected)


def test_a_detector_without_depth_head_is_told() -> None:
    with pytest.raises(ValueError, match="depth head"):
        PointPosition(SPAN).encode_keys(torch.zeros(1, 3, 8, 2, 4), make_cameras(1, 3), None)
