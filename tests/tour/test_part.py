"""What data may hold."""

import json

import numpy as np
import pytest
import torch

from drivetr.tour.part import as_data
from drivetr.tour.pictures import picture_from, picture_text


def test_tensors_arrays_and_numbers_become_lists():
    found = as_data(
        {"a": torch.tensor([[1.23456789]]), "b": np.arange(2), "c": (None, True, "x"), "d": {1: 2}}
    )
    assert found == {"a": [[1.23457]], "b": [0, 1], "c": [None, True, "x"], "d": {"1": 2}}
    assert json.loads(json.dumps(found)) == found


def test_fewer_digits():
    assert as_data(123456.0, digits=2) == 120000.0


def test_what_json_cannot_hold_is_refused():
    with pytest.raises(ValueError, match="holds a set"):
        as_data({"a": {1}})


def test_pictures_survive():
    image = torch.arange(60, dtype=torch.uint8).reshape(3, 4, 5)
    assert np.array_equal(picture_from(picture_text(image)), image.permute(1, 2, 0))
