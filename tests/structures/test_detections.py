import pytest
import torch

from drivetr.structures.detections import Detections


def make_detections(count: int) -> Detections:
    scores = torch.linspace(0, 1, count)
    return Detections(torch.arange(10.0 * count).reshape(count, 10), scores, torch.arange(count))


@pytest.mark.parametrize("count", [0, 1, 5])
def test_length(count):
    assert len(make_detections(count)) == count


@pytest.mark.parametrize(
    "keep",
    [
        torch.tensor([False, True, False, True, False]),
        torch.tensor([1, 3]),
        slice(1, 5, 2),
    ],
)
def test_choosing_keeps_rows_together(keep):
    chosen = make_detections(5)[keep]
    assert chosen.labels.tolist() == [1, 3]
    assert chosen.boxes[:, 0].tolist() == [10, 30]
    assert chosen.scores.tolist() == [0.25, 0.75]


def test_to_moves_every_tensor():
    moved = make_detections(2).to("meta")
    assert moved.boxes.is_meta
    assert moved.scores.is_meta
    assert moved.labels.is_meta
