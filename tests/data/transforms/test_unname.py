"""Unname: hidden classes share one label, everything else stays."""

from dataclasses import replace

import pytest
import torch

from drivetr.data.transforms.unname import Unname
from drivetr.structures.classes import DETECTION_CLASSES


def test_hidden_classes_cannot_be_told_apart(frame, generator):
    labels = torch.arange(len(frame.targets)) % 10
    frame = replace(frame, targets=replace(frame.targets, labels=labels))
    after = Unname(("bus", "pedestrian"))(frame, generator).targets
    for before, now in zip(labels.tolist(), after.labels.tolist(), strict=True):
        hidden = DETECTION_CLASSES[before] in ("bus", "pedestrian")
        assert now == (10 if hidden else before)
    assert torch.equal(after.boxes, frame.targets.boxes)
    assert frame.targets.labels.tolist() == labels.tolist()  # the frame given is not changed


def test_without_truth(frame, generator):
    assert Unname(("bus",))(replace(frame, targets=None), generator).targets is None


def test_unknown_name():
    with pytest.raises(ValueError, match="hidden has 'tram', expected names among car"):
        Unname(("tram",))
