"""The lidar's convex cuts against slabs and against sampling along the ray."""

import numpy as np

from drivetr.data.synth.lidar import box_corners, directions, hit_convex, moved_planes, scan, window
from drivetr.data.synth.mesh import block, wheel
from drivetr.data.synth.rig import Lidar
from drivetr.data.synth.street import planar

UPRIGHT = Lidar(rotation=(1.0, 0.0, 0.0, 0.0), translation=(0.0, 0.0, 1.8))


def random_rays(count: int) -> np.ndarray:
    rays = np.random.default_rng(0).normal(size=(count, 3))
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)


def test_hit_convex_equals_slabs_on_a_box() -> None:
    rays, origin = random_rays(2000), np.array([[-3.0, 0.2, 0.4]])
    found = hit_convex(origin, rays, block((-1, 1), (-2, 2), (0, 1.5)).planes())
    low, high = (np.array([-1, -2, 0]) - origin) / rays, (np.array([1, 2, 1.5]) - origin) / rays
    enter = np.minimum(low, high).max(axis=1)
    leave = np.maximum(low, high).min(axis=1)
    np.testing.assert_allclose(found, np.where((enter <= leave) & (enter > 0), enter, np.inf))
    assert np.isfinite(found).sum() > 100


def test_hit_convex_enters_where_sampling_does() -> None:
    part = wheel(0.0, (-0.3, 0.3), 0.5, 0.5)
    planes = part.planes()
    origin, rays = np.array([[-2.0, -0.4, 0.6]]), random_rays(300) * (1, 0.2, 0.2) + (1, 0, 0)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    steps = np.arange(0, 4, 0.002)
    for ray, found in zip(rays, hit_convex(origin, rays, planes), strict=True):
        points = origin + steps[:, None] * ray
        inside = (points @ planes[:, :3].T <= planes[:, 3]).all(axis=1)
        first = steps[inside.argmax()] if inside.any() else np.inf
        if np.isfinite(first) or np.isfinite(found):
            assert abs(first - found) < 0.003 or not inside.any()


def test_planes_move_with_their_body() -> None:
    part = block((-1, 1), (-0.5, 0.5), (0, 1))
    pose = planar(0.7, 4.0, -2.0)
    moved = moved_planes(part.planes(), pose)
    points = np.random.default_rng(1).uniform(-1.5, 1.5, (500, 3))
    before = (points @ part.planes()[:, :3].T <= part.planes()[:, 3]).all(axis=1)
    there = points @ pose[:3, :3].T + pose[:3, 3]
    np.testing.assert_array_equal(before, (there @ moved[:, :3].T <= moved[:, 3]).all(axis=1))


def test_the_window_misses_no_ray_that_hits() -> None:
    rng = np.random.default_rng(2)
    rays = directions(UPRIGHT).reshape(-1, 3)
    for _ in range(40):
        pose = planar(*rng.uniform((-3, -15, -15), (3, 15, 15)))
        pose[2, 3] = -1.8
        size = rng.uniform((0.4, 0.4, 0.8), (11, 3, 3.5))
        if np.linalg.norm(pose[:2, 3]) < 8:
            continue
        bounds = ((-size[0] / 2, size[0] / 2), (-size[1] / 2, size[1] / 2))
        planes = moved_planes(block(*bounds, (0, size[2])).planes(), pose)
        corners = box_corners(*bounds, size[2]) @ pose[:3, :3].T + pose[:3, 3]
        hits = np.isfinite(hit_convex(np.zeros((1, 3)), rays, planes))
        chosen = np.zeros((UPRIGHT.rings, UPRIGHT.azimuths), bool)
        chosen[np.ix_(*window(corners, UPRIGHT))] = True
        assert not (hits & ~chosen.ravel()).any()


def test_a_body_shadows_what_is_behind_it() -> None:
    def body(x: float, half: float, height: float, shine: float) -> tuple:
        part = block((x, x + 1), (-half, half), (-1.8, height - 1.8))
        corners = np.concatenate([part.lower, part.upper])
        return corners, [part.planes()], shine

    cloud = scan(UPRIGHT, [body(20, 1, 1.2, 99.0), body(6, 4, 3, 1.0)], np.random.default_rng(0))
    assert cloud.dtype == np.float32
    assert cloud.shape[1] == 5
    assert not (cloud[:, 3] > 50).any()  # nothing of the far one
    front = cloud[(np.abs(cloud[:, 1]) < 3) & (cloud[:, 0] > 0) & (cloud[:, 2] > -1.7)]
    np.testing.assert_allclose(front[:, 0], 6.0, atol=1e-4)
