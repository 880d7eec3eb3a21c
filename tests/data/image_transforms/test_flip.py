"""Mirroring."""

import pytest

from drivetr.data.image_transforms.flip import RandomFlip, mirrored
from drivetr.data.sampler import generator_from
from tests.data.image_transforms.marks import marked, read_off, told


def test_boxes_bound_the_mirrored_marks():
    sample = marked(10, 20, [(1, 2, 5, 9), (6, 0, 20, 1)])
    after = mirrored(sample)
    assert read_off(after) == {0: [15, 2, 19, 9], 1: [0, 0, 14, 1]}
    for label, corners in told(after).items():
        assert corners == pytest.approx(read_off(after)[label], abs=1e-4)


def test_without_boxes():
    assert mirrored(marked(10, 20, [])).targets.boxes.shape == (0, 4)


@pytest.mark.parametrize(("probability", "share"), [(0.0, 0), (0.5, 0.5), (1.0, 1)])
def test_how_often(probability, share):
    sample = marked(4, 4, [(0, 0, 1, 1)])
    flipped = [
        RandomFlip(probability)(sample, generator_from(seed)) is not sample for seed in range(400)
    ]
    assert sum(flipped) / 400 == pytest.approx(share, abs=0.07)
