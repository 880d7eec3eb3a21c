"""Boxes and scores that follow from the queries, in closed form."""

import math

import pytest
import torch

from drivetr.geometry.boxes import BOX_DIM, CENTER, SIZE, VELOCITY
from drivetr.models.box_head import AttendedCentre, BoxHead, SigmoidCentre
from drivetr.nn.ranges import metres_from_unit

SPAN = (-10.0, -20.0, -2.0, 30.0, 20.0, 6.0)
DIM, HEADS = 8, 4
QUERY = torch.randn(2, 3, DIM, generator=torch.Generator().manual_seed(0))
REFERENCE = 0.2 + 0.6 * torch.rand(2, 3, 3, generator=torch.Generator().manual_seed(1))


def test_sigmoid_centre_moves_in_the_logit() -> None:
    raw = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(2))
    found = SigmoidCentre(SPAN)(raw, QUERY, REFERENCE, None)
    for sample, query, axis in [(0, 0, 0), (1, 2, 1), (0, 1, 2)]:
        where = (sample, query, axis)
        start = REFERENCE[where].item()
        logit = math.log(start / (1 - start)) + raw[where].item()
        low, high = SPAN[axis], SPAN[axis + 3]
        expected = low + (high - low) / (1 + math.exp(-logit))
        assert found[where].item() == pytest.approx(expected, abs=1e-4)


class TestAttendedCentre:
    points = 10 * torch.randn(2, HEADS, 3, 3, generator=torch.Generator().manual_seed(3))
    raw = torch.full((2, 3, 3), 0.5)

    def centre_with(self, biases: list[float]) -> torch.Tensor:
        """The centre where the gates do not look at the query."""
        centre = AttendedCentre(SPAN, DIM, HEADS)
        with torch.no_grad():
            centre.gate.weight.zero_()
            centre.gate.bias.copy_(torch.tensor(biases))
        return centre(self.raw, QUERY, REFERENCE, self.points)

    def test_one_gate_takes_the_point_of_its_head(self) -> None:
        found = self.centre_with([0.0, 0.0, 100.0, 0.0, 0.0])
        torch.testing.assert_close(found, self.points[:, 2] + 0.5)

    def test_the_last_gate_keeps_the_reference(self) -> None:
        found = self.centre_with([0.0, 0.0, 0.0, 0.0, 100.0])
        torch.testing.assert_close(found, metres_from_unit(REFERENCE, SPAN) + 0.5)

    def test_equal_gates_take_the_mean_of_all(self) -> None:
        start = metres_from_unit(REFERENCE, SPAN)
        expected = (self.points.sum(1) + start) / (HEADS + 1) + 0.5
        torch.testing.assert_close(self.centre_with([0.0] * 5), expected, atol=1e-5, rtol=1e-4)

    def test_attention_without_points_is_refused(self) -> None:
        with pytest.raises(ValueError, match="needs a cross-attention with a kernel"):
            AttendedCentre(SPAN, DIM, HEADS)(self.raw, QUERY, REFERENCE, None)


@pytest.mark.parametrize("group_dims", [None, (2, 1, 3, 2, 2)])
def test_columns_that_are_no_centre_come_from_the_raw_output(group_dims) -> None:
    """Sizes are exponentials, the heading and the velocity come as they are."""
    torch.manual_seed(0)
    head = BoxHead(DIM, 5, 2, SigmoidCentre(SPAN), group_dims=group_dims)
    raw = head.regress[1](QUERY)
    boxes = head(1, QUERY, REFERENCE, None)["pred_boxes"]
    assert boxes.shape == (2, 3, BOX_DIM)
    torch.testing.assert_close(boxes[..., SIZE], raw[..., SIZE].exp())
    torch.testing.assert_close(boxes[..., VELOCITY], raw[..., VELOCITY])
    centre = SigmoidCentre(SPAN)(raw[..., CENTER], QUERY, REFERENCE, None)
    torch.testing.assert_close(boxes[..., CENTER], centre)


def test_an_untrained_head_gives_its_prior() -> None:
    head = BoxHead(DIM, 5, 1, SigmoidCentre(SPAN), prior=0.03)
    with torch.no_grad():
        head.classify[0][-1].weight.zero_()
    scores = head(0, QUERY, REFERENCE, None)["pred_logits"].sigmoid()
    torch.testing.assert_close(scores, torch.full((2, 3, 5), 0.03))


@pytest.mark.parametrize("share", [True, False])
def test_layers_share_their_networks_only_when_told(share: bool) -> None:
    head = BoxHead(DIM, 5, 3, SigmoidCentre(SPAN), share_branches=share)
    assert (head.classify[0] is head.classify[2]) is share
    assert (head.regress[0] is head.regress[1]) is share


@pytest.mark.parametrize(
    ("wrong", "told"),
    [({"code": "xyz"}, "code is 'xyz', expected one of"), ({"group_dims": (2, 3)}, "a sum of 10")],
)
def test_wrong_settings_are_told(wrong: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        BoxHead(DIM, 5, 1, SigmoidCentre(SPAN), **wrong)
