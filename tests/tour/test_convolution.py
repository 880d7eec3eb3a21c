"""The convolutions against sums by hand, and the formula of the output size against counting."""

import numpy as np
import pytest
import torch

from drivetr.tour.convolution import (
    FILTER,
    IMAGE,
    KERNEL,
    SIGNAL,
    compute,
    output_size,
    slide,
    slide_over_picture,
)


def test_the_lecture_s_example(settings):
    assert compute(settings)["output"] == [9, 0, 1, 3, -5, -3, 6]


def test_every_sum_is_that_of_its_products(settings):
    data = compute(settings)
    assert np.sum(data["products"], axis=1).tolist() == data["output"]
    assert np.sum(data["products2d"], axis=(2, 3)).tolist() == data["output2d"]


def test_equals_numpy_s_correlation():
    found = slide(torch.tensor(SIGNAL).float(), torch.tensor(KERNEL).float())["output"]
    assert found.tolist() == np.correlate(SIGNAL, KERNEL, mode="valid").tolist()


def test_another_kernel_gives_other_data():
    signal = torch.tensor(SIGNAL).float()
    before = slide(signal, torch.tensor(KERNEL).float())
    after = slide(signal, torch.tensor([1.0, 2.0, 0.0, 1.0]))
    assert before["output"].tolist() != after["output"].tolist()


def test_another_pixel_changes_the_places_that_see_it():
    image, weights = torch.tensor(IMAGE).float(), torch.tensor(FILTER).float()
    before = slide_over_picture(image, weights)["output2d"]
    image[0, 0] += 1
    changed = slide_over_picture(image, weights)["output2d"] != before
    assert changed.nonzero().tolist() == [[0, 0]]


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, 2])
def test_output_size_counts_the_places(stride, padding):
    places = [s for s in range(0, 10 + 2 * padding, stride) if s + 4 <= 10 + 2 * padding]
    assert output_size(10, 4, stride, padding) == len(places)
