"""The choice between two chains, and DETR's whole augmentation."""

import pytest
import torch

from drivetr.data.image_transforms.crop import RandomSizeCrop
from drivetr.data.image_transforms.either import Either
from drivetr.data.image_transforms.flip import RandomFlip
from drivetr.data.image_transforms.resize import RandomResize
from drivetr.data.sampler import generator_from
from tests.data.image_transforms.marks import marked, told


def widths(probability, draws):
    sample = marked(10, 10, [])
    either = Either([RandomResize((20,))], [RandomResize((30,)), RandomResize((5,))], probability)
    return [either(sample, generator_from(seed)).image.shape[2] for seed in range(draws)]


def test_one_chain_or_the_other():
    found = widths(0.25, 400)
    assert set(found) == {5, 20}
    assert found.count(20) / 400 == pytest.approx(0.25, abs=0.07)
    assert set(widths(1.0, 20)) == {20}


def test_the_whole_augmentation_keeps_boxes_on_their_objects():
    """A white object fills its box, so its box stays white whatever happens to the image."""
    chain = [
        RandomFlip(),
        Either(
            [RandomResize((48, 64, 80), 133)],
            [RandomResize((40, 60)), RandomSizeCrop(38, 60), RandomResize((48, 80), 133)],
        ),
    ]
    seen = 0
    for seed in range(80):
        sample = marked(60, 100, [(10, 10, 40, 50), (60, 20, 90, 45)])
        sample.image[sample.image > 0] = 255
        generator = generator_from(seed)
        for transform in chain:
            sample = transform(sample, generator)
        white = (sample.image[0] > 127).float()
        inside = torch.zeros_like(white)
        for left, top, right, bottom in told(sample).values():
            rows, columns = slice(round(top), round(bottom)), slice(round(left), round(right))
            inside[rows, columns] = 1
            seen += 1
        # A pixel of rounding and of interpolation at the borders of the two boxes.
        assert (white != inside).sum() <= 4 * (sum(white.shape))
        assert int(white.sum()) == pytest.approx(int(inside.sum()), rel=0.15, abs=40)
    assert seen > 100
