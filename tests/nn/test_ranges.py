"""Shares of a range, and the logit, against their closed forms."""

import math

import pytest
import torch

from drivetr.nn.ranges import inverse_sigmoid, metres_from_unit, unit_from_metres

SPAN = (-10.0, -20.0, -2.0, 30.0, 20.0, 6.0)
METRES = torch.tensor([[-10.0, -20.0, -2.0], [30.0, 20.0, 6.0], [0.0, 10.0, 0.0], [70.0, 0.0, 2.0]])
SHARES = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.25, 0.75, 0.25], [2.0, 0.5, 0.5]])


def test_both_ways() -> None:
    torch.testing.assert_close(metres_from_unit(SHARES, SPAN), METRES)
    torch.testing.assert_close(unit_from_metres(METRES, SPAN), SHARES)
    assert metres_from_unit(torch.zeros(2, 0, 3), SPAN).shape == (2, 0, 3)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (0.5, 0.0),
        (0.9, math.log(9)),
        (0.001, math.log(0.001 / 0.999)),
        (0.0, math.log(1e-5)),
        (1.0, -math.log(1e-5)),
        (-3.0, math.log(1e-5)),
        (7.0, -math.log(1e-5)),
    ],
)
def test_inverse_sigmoid(x: float, expected: float) -> None:
    assert inverse_sigmoid(torch.tensor(x)).item() == pytest.approx(expected, abs=1e-5)
