"""Queries that start near an object, and who may look at whom."""

import pytest
import torch

from drivetr.geometry.boxes import CENTER, SIZE
from drivetr.models.denoising import NoisedQueries, QueryDenoising
from drivetr.nn.ranges import metres_from_unit
from tests.models.samples import make_targets

SPAN = (-40.0, -40.0, -8.0, 40.0, 40.0, 8.0)
K = 10


def drawn(groups: int = 3, **options) -> tuple[NoisedQueries, list]:
    torch.manual_seed(0)
    targets = [make_targets(4, 0), make_targets(2, 1)]
    return QueryDenoising(K, SPAN, groups, **options)(targets), targets


def test_every_group_holds_every_object_and_filling_is_marked():
    noised, targets = drawn()
    assert noised.group_size == 4
    assert noised.valid[1].tolist() == [True, True, False, False] * 3
    for group in range(3):
        rows = slice(4 * group, 4 * group + 4)
        assert torch.equal(noised.boxes[0, rows], targets[0].boxes)


@pytest.mark.parametrize("scale", [0.5, 1.0])
def test_shifts_are_shares_of_half_the_size_and_far_ones_are_background(scale):
    noised, _ = drawn(groups=400, noise_scale=scale)
    boxes, valid = noised.boxes, noised.valid
    way = metres_from_unit(noised.reference, SPAN) - boxes[..., CENTER]
    shift = way[valid] / (boxes[..., SIZE][valid] / 2) / scale
    assert shift.abs().max() <= 1 + 1e-4
    near = (noised.labels != K)[valid]
    assert torch.equal(near, shift.norm(dim=-1) <= 0.75)
    assert near.float().mean().item() == pytest.approx(noised.positive_share, abs=0.03)


def test_who_looks_at_whom():
    noised, _ = drawn(groups=2)  # 8 noised queries in two groups, then 3 matched, then 2 past keys
    mask = noised.attention_mask(11, past=2)[0, 0]
    for query in range(11):
        for key in range(13):
            same_group = query < 8 and key < 8 and query // 4 == key // 4
            assert bool(mask[query, key]) == (key >= 8 or same_group), (query, key)


def test_frames_without_objects():
    noised = QueryDenoising(K, SPAN)([make_targets(0), make_targets(0)])
    assert noised.reference.shape == (2, 0, 3)
    assert noised.attention_mask(5).all()


def test_a_split_that_is_no_part_of_a_ball():
    with pytest.raises(ValueError, match="split is 1.2"):
        QueryDenoising(K, SPAN, split=1.2)
