"""Sampled aggregation against a walk over cameras, levels and points. Its keys are not verified."""

from dataclasses import replace

import pytest
import torch

from drivetr.nn.feature_pyramid import FeaturePyramid
from drivetr.nn.position import Position
from drivetr.nn.sampled_aggregation import SampledAggregation
from tests.nn.test_feature_pyramid import SIZE, four_neighbours, random_pyramid
from tests.nn.test_projected_sampling import queries

LEVELS, POINTS, GROUPS = 3, 3, 4


@pytest.fixture
def attention() -> SampledAggregation:
    torch.manual_seed(0)
    attention = SampledAggregation(8, GROUPS, LEVELS, POINTS).eval()
    torch.nn.init.normal_(attention.weights_fc.weight)
    return attention


def seen_at(pyramid: FeaturePyramid, sample: int, camera: int, point: torch.Tensor) -> list:
    """What stands at one point (metres) in the maps of one camera, one by one."""
    u, v, depth, _ = pyramid.cameras.img_from_lidar[sample, camera] @ torch.cat(
        [point.double(), torch.ones(1, dtype=torch.float64)]
    )
    if depth <= 0:  # as good as infinitely far beside the image
        return [maps.new_zeros(8) for maps in pyramid.levels]
    column, row = u / depth / SIZE[1] * 2 - 1, v / depth / SIZE[0] * 2 - 1
    maps = [level[sample, camera] for level in pyramid.levels]
    return [four_neighbours(level, column.item(), row.item()) for level in maps]


@torch.no_grad()
def test_equals_a_walk(attention):
    pyramid = random_pyramid()
    content, position = queries()
    found, points = attention(content, pyramid, position, Position())
    assert points is None
    for sample in range(2):
        for query in range(0, 6, 2):
            here = content[sample, query]
            offsets = attention.learnable_fc(here).view(POINTS, 3)
            logits, seen = [], []
            for camera in range(3):
                rows = pyramid.cameras.img_from_lidar[sample, camera, :3].flatten().float()
                known = here + position.added[sample, query] + attention.cam_embed(rows)
                logits.append(attention.weights_fc(known).view(LEVELS, POINTS, GROUPS))
                places = position.points[sample, query] + offsets
                at = [seen_at(pyramid, sample, camera, place) for place in places]
                seen.append(torch.stack([torch.stack(levels) for levels in at], dim=1))
            shares = torch.stack(logits).flatten(0, 2).softmax(0)  # cameras, levels, points
            wide = shares.repeat_interleave(8 // GROUPS, dim=1)
            total = (wide * torch.stack(seen).flatten(0, 2)).sum(0)
            expected = attention.output_proj(total)
            torch.testing.assert_close(found[sample, query], expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_an_absent_camera_is_as_if_it_were_not_there(attention):
    pyramid = random_pyramid()
    content, position = queries()
    valid = torch.tensor([[True, True, False]]).expand(2, -1)
    absent = FeaturePyramid(pyramid.levels, replace(pyramid.cameras, valid=valid))
    left = replace(
        pyramid.cameras,
        img_from_lidar=pyramid.cameras.img_from_lidar[:, :2],
        image_size=pyramid.cameras.image_size[:, :2],
        valid=valid[:, :2],
    )
    fewer = FeaturePyramid([level[:, :2] for level in pyramid.levels], left)
    found = [attention(content, rig, position, Position())[0] for rig in (absent, fewer)]
    torch.testing.assert_close(*found, atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_the_order_of_cameras_does_not_matter(attention):
    pyramid, order = random_pyramid(), torch.tensor([2, 0, 1])
    content, position = queries()
    turned = replace(pyramid.cameras, img_from_lidar=pyramid.cameras.img_from_lidar[:, order])
    other = FeaturePyramid([level[:, order] for level in pyramid.levels], turned)
    found = [attention(content, rig, position, Position())[0] for rig in (pyramid, other)]
    torch.testing.assert_close(*found, atol=1e-6, rtol=1e-5)


def test_untrained_points_lie_around_the_query():
    attention = SampledAggregation(8, 4, spread_m=0.5)
    assert attention.learnable_fc.bias.abs().max() <= 0.5
    assert attention.learnable_fc.bias.abs().max() > 0.3


def test_groups_have_to_divide_the_width():
    with pytest.raises(ValueError, match="not a multiple of num_groups 3"):
        SampledAggregation(8, 3)


@torch.no_grad()
def test_weights_times_cells_are_what_is_seen():
    """With one level the whole output follows from the footprint."""
    torch.manual_seed(1)
    attention = SampledAggregation(8, GROUPS, 1, POINTS).eval()
    torch.nn.init.normal_(attention.weights_fc.weight)
    pyramid = random_pyramid()
    pyramid = FeaturePyramid(pyramid.levels[:1], pyramid.cameras)
    content, position = queries()
    weights = attention.weights(content, pyramid, position, Position())  # B G Q M
    assert (weights.sum(-1) <= 1 + 1e-5).all()
    cells = pyramid.levels[0].movedim(2, -1).flatten(1, 3).unflatten(-1, (GROUPS, -1))  # B M G D
    taken = torch.einsum("bgqm,bmgd->bqgd", weights, cells).flatten(2)
    found, _ = attention(content, pyramid, position, Position())
    torch.testing.assert_close(attention.output_proj(taken), found, atol=1e-5, rtol=1e-4)
