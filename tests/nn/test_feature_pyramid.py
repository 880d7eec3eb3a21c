"""Projection into all cameras and weighted sampling, against geometry and brute force."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from drivetr.geometry.camera import unproject_pixels
from drivetr.nn.feature_pyramid import FeaturePyramid, sample_map, spread_samples
from tests.models.samples import make_cameras

SIZE = (96, 256)


def four_neighbours(features: Tensor, column: float, row: float) -> Tensor:
    """Bilinear interpolation between the centres of cells, one by one; outside there are zeros."""
    height, width = features.shape[-2:]
    x, y = (column + 1) / 2 * width - 0.5, (row + 1) / 2 * height - 0.5
    total = features.new_zeros(features.shape[0])
    for i in (math.floor(y), math.floor(y) + 1):
        for j in (math.floor(x), math.floor(x) + 1):
            if 0 <= i < height and 0 <= j < width:
                total += (1 - abs(y - i)) * (1 - abs(x - j)) * features[:, i, j]
    return total


def random_pyramid(batch: int = 2, num_cameras: int = 3, channels: int = 8) -> FeaturePyramid:
    generator = torch.Generator().manual_seed(0)
    sizes = [(12, 32), (6, 16), (3, 8)]
    levels = [torch.randn(batch, num_cameras, channels, *s, generator=generator) for s in sizes]
    return FeaturePyramid(levels, make_cameras(batch, num_cameras, SIZE))


class TestProject:
    @pytest.mark.parametrize("depth", [0.01, 3.0, 50.0])
    def test_a_point_on_the_ray_of_a_pixel_is_seen_at_that_pixel(self, depth):
        pyramid = random_pyramid()
        uv = torch.tensor([[0.5, 0.5], [100.0, 20.0], [255.5, 95.0]], dtype=torch.float64)
        for camera in range(3):
            matrix = pyramid.cameras.lidar_from_img[:, camera]
            points = unproject_pixels(
                matrix, uv.expand(2, -1, -1), torch.full((2, 3), depth).double()
            )
            place, visible = pyramid.project(points.float()[:, :, None])
            expected = uv / torch.tensor([SIZE[1], SIZE[0]]) * 2 - 1
            found = place[:, camera, :, 0].double()
            torch.testing.assert_close(found, expected.expand(2, -1, -1), atol=2e-5, rtol=0)
            assert visible[:, camera].all()

    def test_behind_beside_and_at_the_border_nothing_is_seen(self):
        pyramid = random_pyramid(1, 1)
        matrix = pyramid.cameras.lidar_from_img[:, 0]
        uv = torch.tensor([[[100.0, 20.0], [0.0, 20.0], [300.0, 20.0], [128.0, 48.0]]]).double()
        depth = torch.tensor([[-3.0, 4.0, 4.0, 4.0]]).double()
        _, visible = pyramid.project(unproject_pixels(matrix, uv, depth).float()[:, :, None])
        assert visible.flatten().tolist() == [False, False, False, True]

    def test_an_absent_camera_sees_nothing(self):
        pyramid = random_pyramid(1, 3)
        points = torch.tensor([[[[0.0, 5.0, 0.0]]]])
        assert pyramid.project(points)[1][0, :, 0, 0].tolist() == [True, False, False]
        valid = torch.tensor([[False, True, True]])
        blind = replace(pyramid, cameras=replace(pyramid.cameras, valid=valid))
        assert not blind.project(points)[1].any()

    def test_half_precision_around_it_does_not_move_points(self):
        pyramid = random_pyramid()
        points = torch.randn(2, 50, 1, 3) * 20
        with torch.autocast("cpu", torch.bfloat16):
            place, visible = pyramid.project(points)
        assert torch.equal(place, pyramid.project(points)[0])
        assert torch.equal(visible, pyramid.project(points)[1])


class TestGather:
    @pytest.mark.parametrize("groups", [1, 4])
    def test_equals_a_walk_over_cameras_places_and_levels(self, groups):
        pyramid, (queries, places) = random_pyramid(), (5, 2)
        generator = torch.Generator().manual_seed(1)
        place = torch.rand(2, 3, queries, places, 2, generator=generator) * 2.4 - 1.2
        weights = torch.rand(2, queries, 3, places, 3, groups, generator=generator)
        expected = torch.zeros(2, queries, 8)
        for index in torch.cartesian_prod(*(torch.arange(n) for n in (2, queries, 3, places, 3))):
            sample, query, camera, point, level = index.tolist()
            column, row = place[sample, camera, query, point].tolist()
            found = four_neighbours(pyramid.levels[level][sample, camera], column, row)
            share = weights[sample, query, camera, point, level].repeat_interleave(8 // groups)
            expected[sample, query] += share * found
        torch.testing.assert_close(pyramid.gather(place, weights), expected, atol=1e-5, rtol=1e-5)

    def test_gradients(self):
        generator = torch.Generator().manual_seed(2)

        def draw(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator, dtype=torch.float64).requires_grad_()

        cameras = make_cameras(1, 2, SIZE)

        def total(level: Tensor, place: Tensor, weights: Tensor) -> Tensor:
            return FeaturePyramid([level], cameras).gather(place, weights)

        inputs = (draw(1, 2, 4, 5, 6), draw(1, 2, 3, 2, 2), draw(1, 3, 2, 2, 1, 2))
        assert torch.autograd.gradcheck(total, inputs)


def test_the_centre_of_a_cell_is_that_cell_and_half_of_it_is_left_at_the_edge():
    features = torch.arange(8.0).view(1, 1, 2, 4) + 1
    place = torch.tensor([[[[-0.75, -0.5]], [[0.25, 0.5]], [[-1.0, -0.5]]]])
    assert sample_map(features, place).flatten().tolist() == [1.0, 7.0, 0.5]


class TestFootprint:
    def test_it_is_what_gather_takes(self):
        """Of one level the cells, times their footprint, are what is gathered."""
        pyramid = random_pyramid()
        pyramid = FeaturePyramid(pyramid.levels[:1], pyramid.cameras)
        place, weights = self.draw(levels=1)
        cells = pyramid.footprint(place, weights)  # B G Q M
        content = pyramid.levels[0].movedim(2, -1).flatten(1, 3).unflatten(-1, (4, 2))  # B M G D
        taken = torch.einsum("bgqm,bmgd->bqgd", cells, content).flatten(2)
        torch.testing.assert_close(taken, pyramid.gather(place, weights), atol=1e-5, rtol=1e-5)

    def test_coarse_cells_spread_over_the_fine_ones_they_cover(self):
        """Away from the borders each camera keeps its whole weight of all levels."""
        pyramid = random_pyramid()
        place, weights = self.draw(levels=3)
        cells = pyramid.footprint(place * 0.5, weights).unflatten(-1, (3, 12, 32))
        expected = weights.sum((3, 4)).permute(0, 3, 1, 2)  # B G Q N
        torch.testing.assert_close(cells.sum((-2, -1)), expected)
        assert (cells >= 0).all()

    def test_the_coarsest_level_alone_lies_where_its_cell_does(self):
        pyramid = random_pyramid(1, 1)
        weights = torch.zeros(1, 1, 1, 1, 3, 1)
        weights[..., 2, :] = 1.0  # level of 3 x 8 cells, each four rows and columns wide
        place = torch.tensor([(5.5 / 8) * 2 - 1, (1.5 / 3) * 2 - 1]).expand(1, 1, 1, 1, 2)
        cells = pyramid.footprint(place, weights).view(12, 32)
        row, column = divmod(int(cells.argmax()), 32)
        assert row in range(4, 8)
        assert column in range(20, 24)
        assert cells[4:8, 20:24].sum() > 0.5

    def test_samples_outside_lie_nowhere(self):
        pyramid = random_pyramid(1, 1)
        place = torch.tensor([1e6, -3.0]).expand(1, 1, 1, 1, 2)
        assert not pyramid.footprint(place, torch.ones(1, 1, 1, 1, 3, 1)).any()

    @staticmethod
    def draw(levels: int) -> tuple[Tensor, Tensor]:
        """Places in and around the images of three cameras, weights of four groups."""
        generator = torch.Generator().manual_seed(5)
        place = torch.rand(2, 3, 4, 2, 2, generator=generator) * 2.4 - 1.2
        return place, torch.rand(2, 4, 3, 2, levels, 4, generator=generator)


def test_spread_samples_equals_the_neighbours_one_by_one():
    generator = torch.Generator().manual_seed(6)
    place = torch.rand(3, 5, 2, generator=generator) * 2.4 - 1.2
    weights = torch.rand(3, 5, generator=generator)
    found = spread_samples(place, weights, (3, 4))
    for z in range(3):
        for cell in range(12):
            one = torch.zeros(1, 12).scatter(1, torch.tensor([[cell]]), 1.0).view(1, 3, 4)
            shares = [four_neighbours(one, *at).item() for at in place[z].tolist()]
            expected = sum(w * s for w, s in zip(weights[z].tolist(), shares, strict=True))
            assert found[z].flatten()[cell].item() == pytest.approx(expected, abs=1e-5)
