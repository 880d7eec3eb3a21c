"""DETR3D's cross-attention: what it adds up, and what it must not look at."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from drivetr.errors import DrivetrError
from drivetr.nn.feature_pyramid import FeaturePyramid
from drivetr.nn.position import Position
from drivetr.nn.projected_sampling import ProjectedSampling
from tests.nn.test_feature_pyramid import four_neighbours, random_pyramid

SPAN = (-20.0, -20.0, -3.0, 20.0, 20.0, 3.0)


@pytest.fixture
def attention() -> ProjectedSampling:
    torch.manual_seed(0)
    attention = ProjectedSampling(SPAN, embed_dim=8, num_cameras=3, num_levels=3)
    torch.nn.init.normal_(attention.attention_weights.weight)
    return attention.eval()


@pytest.fixture
def pyramid() -> FeaturePyramid:
    return random_pyramid()


def queries() -> tuple[Tensor, Position]:
    generator = torch.Generator().manual_seed(3)
    content, added = torch.randn(2, 2, 6, 8, generator=generator)
    points = (torch.rand(2, 6, 3, generator=generator) - 0.5) * torch.tensor([30.0, 30.0, 4.0])
    return content, Position(added, points)


@torch.no_grad()
def test_equals_a_walk_over_cameras_and_levels(attention, pyramid):
    content, position = queries()
    found, points = attention(content, pyramid, position, Position())
    assert points is None
    place, visible = pyramid.project(position.points[:, :, None])
    assert visible.any()
    assert not visible.all()
    for sample in range(2):
        for query in range(6):
            known = content[sample, query] + position.added[sample, query]
            logits = attention.attention_weights(known).view(3, 3)  # cameras, levels
            total = torch.zeros(8)
            for camera in range(3):
                if visible[sample, camera, query, 0]:
                    column, row = place[sample, camera, query, 0].tolist()
                    for level, maps in enumerate(pyramid.levels):
                        seen = four_neighbours(maps[sample, camera], column, row)
                        total += torch.sigmoid(logits[camera, level]) * seen
            low, high = torch.tensor(SPAN[:3]), torch.tensor(SPAN[3:])
            unit = (position.points[sample, query] - low) / (high - low)
            embedded = attention.position_encoder(torch.logit(unit))
            expected = attention.output_proj(total) + embedded
            torch.testing.assert_close(found[sample, query], expected, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_a_camera_that_is_absent_changes_nothing(attention, pyramid):
    content, position = queries()
    valid = torch.tensor([[True, False, True]]).expand(2, -1)
    cameras = replace(pyramid.cameras, valid=valid)
    other = [maps.clone() for maps in pyramid.levels]
    for maps in other:
        maps[:, 1] = 100
    found = [
        attention(content, FeaturePyramid(levels, cameras), position, Position())[0]
        for levels in (pyramid.levels, other)
    ]
    assert torch.equal(*found)


def test_another_rig_is_refused_in_one_sentence(attention):
    content, position = queries()
    with pytest.raises(DrivetrError, match="a rig of 2 cameras, but attention weights for 3"):
        attention(content, random_pyramid(num_cameras=2), position, Position())


def test_a_query_has_to_stand_somewhere(attention, pyramid):
    with pytest.raises(ValueError, match="stand somewhere"):
        attention(queries()[0], pyramid, Position(), Position())


def test_published_shapes():
    shapes = {k: tuple(v.shape) for k, v in ProjectedSampling(SPAN).state_dict().items()}
    assert shapes["attention_weights.weight"] == (24, 256)
    assert shapes["position_encoder.0.weight"] == (256, 3)
    assert shapes["position_encoder.4.bias"] == (256,)


@torch.no_grad()
def test_weights_are_shares_of_what_is_taken(attention, pyramid):
    """Without the embedding, `forward` is the sum of the cells times the shares, up to a factor."""
    content, position = queries()
    attention.position_encoder = torch.nn.Sequential(torch.nn.Linear(3, 8))
    torch.nn.init.zeros_(attention.position_encoder[0].weight)
    torch.nn.init.zeros_(attention.position_encoder[0].bias)
    one = ProjectedSampling(SPAN, embed_dim=8, num_cameras=3, num_levels=1).eval()
    one.position_encoder = attention.position_encoder
    torch.nn.init.normal_(one.attention_weights.weight)
    finest = FeaturePyramid(pyramid.levels[:1], pyramid.cameras)
    shares = one.weights(content, finest, position, Position())  # B 1 Q M
    place, visible = finest.project(position.points[:, :, None])
    seen = visible[..., 0].any(1)  # B Q
    torch.testing.assert_close(shares[:, 0].sum(-1)[seen], torch.ones(int(seen.sum())))
    assert not shares[:, 0][~seen].any()
    cameras = shares[:, 0].unflatten(-1, (3, -1)).sum(-1).transpose(1, 2)  # B N Q
    assert not cameras[~visible[..., 0]].any()
    cells = finest.levels[0].movedim(2, -1).flatten(1, 3)  # B M C
    taken = shares[:, 0] @ cells
    found = one(content, finest, position, Position())[0]
    total = torch.nn.functional.linear(taken, one.output_proj.weight)[seen]
    ratio = found[seen] / total
    middle = ratio.median(-1, keepdim=True).values
    torch.testing.assert_close(found[seen], total * middle, atol=1e-3, rtol=1e-3)


@torch.no_grad()
def test_no_weight_where_no_camera_looks(attention, pyramid):
    content, position = queries()
    high = Position(position.added, position.points + torch.tensor([0.0, 0.0, 1000.0]))
    assert not attention.weights(content, pyramid, high, Position()).any()
