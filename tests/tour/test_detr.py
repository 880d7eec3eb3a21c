"""Matching against brute force; attention and costs follow picture and weights."""

from dataclasses import replace
from itertools import permutations

import pytest
import torch

from drivetr.structures.images import ImageSample
from drivetr.structures.targets2d import Targets2D
from drivetr.tour.detr import look, share_inside
from drivetr.tour.shapes import NUM_QUERIES, small_spec


@pytest.fixture
def model():
    torch.manual_seed(0)
    return small_spec().build_detector()[0].eval()


@pytest.fixture
def sample():
    generator = torch.Generator().manual_seed(1)
    boxes = torch.tensor([[0.3, 0.3, 0.2, 0.2], [0.7, 0.6, 0.3, 0.2], [0.2, 0.8, 0.2, 0.3]])
    targets = Targets2D(boxes, torch.tensor([0, 2, 3]))
    return ImageSample("", 0, torch.randn(3, 96, 96, generator=generator), (96, 96), targets)


def test_the_assignment_is_the_cheapest_of_all(model, sample):
    data = look(model, sample)
    cost = data["cost"]
    found = sum(float(cost[query, i]) for i, query in enumerate(data["queries"].tolist()))
    every = permutations(range(NUM_QUERIES), 3)
    assert found == pytest.approx(
        min(sum(float(cost[query, i]) for i, query in enumerate(three)) for three in every)
    )


def test_maps_sum_to_one_over_the_cells(model, sample):
    data = look(model, sample)
    for part in ("encoder", "decoder"):
        assert data[part].shape == (3, 12, 12)
        torch.testing.assert_close(data[part].sum((1, 2)), torch.ones(3), atol=1e-5, rtol=1e-5)


def test_picture_and_weights_change_the_data(model, sample):
    before = look(model, sample)
    other = look(model, replace(sample, image=sample.image.flip(-1)))
    with torch.no_grad():
        model.encoder.layers[0].self_attention.in_proj_weight[0, 0] += 1
    after = look(model, sample)
    for found in (other, after):
        for key in ("cost", "encoder", "decoder"):
            assert not torch.equal(before[key], found[key])


def test_share_inside_counts_cells():
    weights = torch.arange(16.0).reshape(1, 4, 4)
    inside = share_inside(weights, torch.tensor([[1.0, 0.0, 3.0, 2.0]]))
    assert inside.tolist() == [1 + 2 + 5 + 6]
