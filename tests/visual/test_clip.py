"""Clipping against points sampled along the edges, projected one by one."""

import numpy as np
import pytest
import torch

from drivetr.geometry.boxes import BOX_EDGES, box_corners, make_boxes
from drivetr.visual.clip import clip_polygon, clip_segments
from tests.visual.scenery import camera_matrix

HEIGHT, WIDTH, NEAR = 90, 160, 0.2


def _segments_around_a_camera(count: int, seed: int) -> np.ndarray:
    """Edges (S, 2, 3) of boxes in front of, beside and behind a camera, some around it."""
    rng = torch.Generator().manual_seed(seed)
    center = torch.rand(count, 3, generator=rng, dtype=torch.float64) * 24 - 12
    center[:, 2] /= 6
    size = torch.rand(count, 3, generator=rng, dtype=torch.float64) * 8 + 0.3
    yaw = torch.rand(count, generator=rng, dtype=torch.float64) * 6.3
    corners = box_corners(make_boxes(center, size, yaw))
    matrix = camera_matrix(0.0, (HEIGHT, WIDTH), 110.0)
    homogeneous = (corners @ matrix[:3, :3].T + matrix[:3, 3]).numpy()
    return homogeneous[:, np.array(BOX_EDGES)].reshape(-1, 2, 3)


def _sampled(segment: np.ndarray, count: int = 4001) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of points along a segment and whether each is in view, by the plain definition."""
    share = np.linspace(0, 1, count)[:, None]
    points = segment[0] * (1 - share) + segment[1] * share
    with np.errstate(divide="ignore", invalid="ignore"):
        uv = points[:, :2] / points[:, 2:]
    in_view = points[:, 2] >= NEAR
    in_view &= (uv >= 0).all(1) & (uv[:, 0] <= WIDTH) & (uv[:, 1] <= HEIGHT)
    return uv, in_view


def _distance_to_segment(points: np.ndarray, segment: np.ndarray) -> np.ndarray:
    along = segment[1] - segment[0]
    share = ((points - segment[0]) @ along / max(along @ along, 1e-12)).clip(0, 1)
    return np.linalg.norm(points - (segment[0] + share[:, None] * along), axis=1)


def _is_end_of_view(uv: np.ndarray, segment: np.ndarray) -> bool:
    """Whether a line may end here: at its own end, at a border, or at the near plane."""
    ends = segment[segment[:, 2] >= NEAR]
    if len(ends) == 1:
        share = (NEAR - segment[0, 2]) / (segment[1, 2] - segment[0, 2])
        ends = np.stack([*ends, segment[0] + share * (segment[1] - segment[0])])
    at_end = np.abs(ends[:, :2] / ends[:, 2:] - uv).max(axis=1).min() < 1e-6
    at_border = np.abs([uv[0], uv[1], uv[0] - WIDTH, uv[1] - HEIGHT]).min() < 1e-6
    return bool(at_end or at_border)


class TestClipSegments:
    def test_equals_points_sampled_along_the_edges(self) -> None:
        segments = _segments_around_a_camera(60, seed=0)
        uv, seen = clip_segments(segments, HEIGHT, WIDTH, near=NEAR)
        partial = 0
        for segment, clipped, visible in zip(segments, uv, seen, strict=True):
            pixels, in_view = _sampled(segment)
            if not visible:
                assert in_view.sum() <= 1  # at most a touch between two samples
                continue
            partial += 0 < in_view.sum() < len(in_view)
            assert (clipped >= -1e-6).all()
            assert (clipped <= np.array([WIDTH, HEIGHT]) + 1e-6).all()
            if in_view.any():
                assert _distance_to_segment(pixels[in_view], clipped).max() < 1e-6
            for end in clipped:
                assert _is_end_of_view(end, segment)
        assert partial > 50  # the case this is about does occur

    def test_behind_the_camera_is_nothing(self) -> None:
        segment = np.array([[[50.0, 20.0, -3.0], [10.0, 5.0, 0.1]]])
        _, seen = clip_segments(segment, HEIGHT, WIDTH, near=NEAR)
        assert not seen.any()

    def test_cut_at_the_near_plane_by_hand(self) -> None:
        # From depth -1 to depth 1 at u * d = 0.4 * d' : the cut is at d = 0.2, at 0.6 of the way.
        segment = np.array([[[0.0, 0.0, -1.0], [10.0, 20.0, 1.0]]])
        uv, seen = clip_segments(segment, HEIGHT, WIDTH, near=NEAR)
        assert seen.all()
        np.testing.assert_allclose(uv[0], [[30.0, 60.0], [10.0, 20.0]])

    def test_no_segments(self) -> None:
        uv, seen = clip_segments(np.zeros((0, 2, 3)), HEIGHT, WIDTH)
        assert uv.shape == (0, 2, 2)
        assert seen.shape == (0,)


class TestClipPolygon:
    @pytest.mark.parametrize("seed", range(3))
    def test_area_equals_counted_points(self, seed: int) -> None:
        from shapely.geometry import Point, Polygon

        rng = np.random.default_rng(seed)
        for _ in range(20):
            centre, across = rng.uniform(-6, 6, 3), rng.normal(size=(2, 3)) * 3
            centre[2] += 4
            quad = centre + np.array([-across[0], -across[1], across[0], across[1]])  # u v d
            quad[:, :2] = quad[:, :2] * 40 + quad[:, 2:] * np.array([WIDTH, HEIGHT]) / 2
            clipped = clip_polygon(quad, HEIGHT, WIDTH, near=NEAR)
            share = rng.uniform(-1, 1, size=(400, 2))
            share = share[np.abs(share).sum(1) < 1]
            points = quad.mean(0) + share @ ((quad[2:] - quad[:2]) / 2)
            inside = points[:, 2] > NEAR
            uv = points[:, :2] / np.where(inside, points[:, 2], 1.0)[:, None]
            inside &= (uv > 0).all(1) & (uv < [WIDTH, HEIGHT]).all(1)
            if len(clipped) == 0:
                assert inside.sum() == 0
                continue
            shape = Polygon(clipped).buffer(1e-6)
            assert all(shape.contains(Point(p)) for p in uv[inside])
            bounds = np.array(shape.bounds)
            assert (bounds >= -1e-3).all()
            assert bounds[2] <= WIDTH + 1e-3
            assert bounds[3] <= HEIGHT + 1e-3

    def test_behind_is_empty(self) -> None:
        assert clip_polygon(-np.ones((4, 3)), HEIGHT, WIDTH).shape == (0, 2)
