from dataclasses import replace

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


def test_ids_are_optional_and_go_along():
    assert make_detections(3)[1:].ids is None
    assert make_detections(3).to("meta").ids is None
    carried = replace(make_detections(4), ids=torch.tensor([7, 7, 2, 9]))
    assert carried[torch.tensor([3, 0])].ids.tolist() == [9, 7]
    assert carried.to("meta").ids.is_meta


def test_queries_are_optional_and_go_along():
    assert make_detections(3)[1:].queries is None
    assert make_detections(3).to("meta").queries is None
    told = replace(make_detections(4), queries=torch.tensor([3, 3, 0, 1]))
    assert told[torch.tensor([3, 0])].queries.tolist() == [1, 3]
    assert told.to("meta").queries.is_meta
