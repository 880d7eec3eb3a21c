"""The encodings against their definitions, written out number by number."""

import math

import pytest
import torch

from drivetr.nn.sine_position import multiview_sine, sequence_sine, sine_of_points

FEATS = 8


def wavelengths() -> list[float]:
    """One for every pair of columns."""
    return [10000 ** (2 * i / FEATS) for i in range(FEATS // 2)]


def expected_cell(counts: list[tuple[float, float]]) -> list[float]:
    """Columns of one cell from (count, last count) of camera, row and column."""
    columns: list[float] = []
    for count, last in counts:
        angle = count / (last + 1e-6) * 2 * math.pi
        columns += [math.sin(angle / w) for w in wavelengths()]
        columns += [math.cos(angle / w) for w in wavelengths()]
    return columns


def test_sequence_sine() -> None:
    expected = [[f(p / w) for w in wavelengths() for f in (math.sin, math.cos)] for p in range(6)]
    torch.testing.assert_close(sequence_sine(6, FEATS), torch.tensor(expected))


class TestMultiviewSine:
    def test_without_padding(self) -> None:
        encoded = multiview_sine(torch.zeros(1, 6, 3, 5, dtype=torch.bool), FEATS)
        assert encoded.shape == (1, 6, 3 * FEATS, 3, 5)
        for camera, row, column in [(0, 0, 0), (5, 2, 4), (2, 1, 3)]:
            counts = [(camera + 1, 6), (row + 1, 3), (column + 1, 5)]
            found = encoded[0, camera, :, row, column]
            torch.testing.assert_close(found, torch.tensor(expected_cell(counts)))

    def test_padding_is_not_counted(self) -> None:
        padding = torch.zeros(1, 3, 4, 6, dtype=torch.bool)
        padding[0, :, 3] = True  # the last row of all cameras
        padding[0, 2, :, 4:] = True  # two columns of the last camera
        encoded = multiview_sine(padding, FEATS)
        seen = expected_cell([(2, 3), (2, 3), (4, 6)])
        torch.testing.assert_close(encoded[0, 1, :, 1, 3], torch.tensor(seen))
        # Here the last camera is padding: the count of cameras ends one earlier.
        seen = expected_cell([(2, 2), (1, 3), (5, 6)])
        torch.testing.assert_close(encoded[0, 1, :, 0, 4], torch.tensor(seen))
        seen = expected_cell([(3, 3), (3, 3), (1, 4)])
        torch.testing.assert_close(encoded[0, 2, :, 2, 0], torch.tensor(seen))

    def test_all_padding_stays_finite(self) -> None:
        assert multiview_sine(torch.ones(1, 2, 3, 4, dtype=torch.bool), FEATS).isfinite().all()


class TestSineOfPoints:
    def test_values(self) -> None:
        point = [0.2, 0.7, 0.9]
        expected = []
        for axis in (1, 0, 2):
            for w in wavelengths():
                angle = point[axis] * 2 * math.pi / w
                expected += [math.sin(angle), math.cos(angle)]
        found = sine_of_points(torch.tensor(point), FEATS)
        torch.testing.assert_close(found, torch.tensor(expected))

    @pytest.mark.parametrize("lead", [(), (4,), (2, 5), (0,)])
    def test_shapes(self, lead: tuple[int, ...]) -> None:
        assert sine_of_points(torch.rand(*lead, 3), FEATS).shape == (*lead, 3 * FEATS)

    def test_gradient(self) -> None:
        points = torch.rand(2, 3, requires_grad=True)
        sine_of_points(points, FEATS).sum().backward()
        assert points.grad is not None
        assert points.grad.abs().min() > 0
