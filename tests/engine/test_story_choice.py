"""Choosing the predictions to ask about, and every wrong word in a sentence."""

import pytest
import torch

from drivetr.engine.story_choice import StoryChoice, parse_choice
from drivetr.errors import DrivetrError
from drivetr.structures.detections import Detections

FOUND = Detections(
    boxes=torch.zeros(4, 10),
    scores=torch.tensor([0.2, 0.9, 0.4, 0.9]),
    labels=torch.zeros(4, dtype=torch.long),
    ids=torch.tensor([7, 3, 7, 5]),
    queries=torch.tensor([0, 8, 0, 2]),
)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("top:1", [1]),
        ("top:3", [1, 3, 2]),
        ("top:9", [1, 3, 2, 0]),
        ("track:7", [0, 2]),
        ("track:4", []),
        ("query:0", [0, 2]),
        ("query:8", [1]),
    ],
)
def test_rows(text, rows):
    assert parse_choice(text).rows(FOUND) == rows


def test_nothing_found():
    assert StoryChoice("top", 5).rows(FOUND[:0]) == []


@pytest.mark.parametrize("text", ["", "top", "top:", "top:0", "top:-1", "top:x", "best:3", "3"])
def test_what_is_no_choice(text):
    with pytest.raises(DrivetrError, match="expected top:N") as caught:
        parse_choice(text)
    assert repr(text) in str(caught.value)


def test_numbers_that_nobody_gave():
    plain = Detections(FOUND.boxes, FOUND.scores, FOUND.labels)
    with pytest.raises(DrivetrError, match=r"track:7 .* a detector with a memory; ask for top:N"):
        parse_choice("track:7").rows(plain)
    with pytest.raises(DrivetrError, match=r"query:7 .* not those of a detector's queries"):
        parse_choice("query:7").rows(plain)
