"""Bounds of 3D boxes in images against the projection of points all over their surface."""

import pytest
import torch

from drivetr.geometry.boxes import make_boxes
from drivetr.geometry.camera import img_from_cam, project_points
from drivetr.geometry.image_boxes import best_views, image_boxes

HEIGHT, WIDTH = 100, 200


@pytest.fixture
def camera():
    """Looks along x of the reference frame from its origin."""
    cam_from_lidar = torch.tensor(
        [[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]], dtype=torch.float64
    )
    intrinsic = torch.tensor([[100, 0, 100], [0, 100, 50], [0, 0, 1]], dtype=torch.float64)
    return (img_from_cam(intrinsic) @ cam_from_lidar)[None]


def sized(camera, boxes):
    sizes = torch.tensor([[HEIGHT, WIDTH]])
    return image_boxes(camera, sizes, boxes)[0]


def box(x, y, z, yaw=0.3, size=(4.0, 2.0, 1.5)):
    as_tensor = torch.tensor([[x, y, z]], dtype=torch.float64)
    return make_boxes(
        as_tensor, torch.tensor([size], dtype=torch.float64), torch.tensor([yaw]).double()
    )


def brute_force(camera, boxes):
    """Bounds of many points on the box's faces that are in front of the camera."""
    grid = torch.linspace(-0.5, 0.5, 161, dtype=torch.float64)
    a, b = torch.meshgrid(grid, grid, indexing="ij")
    faces = []
    for axis in range(3):
        for end in (-0.5, 0.5):
            parts = [a.flatten(), b.flatten()]
            parts.insert(axis, torch.full_like(parts[0], end))
            faces.append(torch.stack(parts, -1))
    unit = torch.cat(faces) * boxes[0, 3:6]
    sin, cos = boxes[0, 6], boxes[0, 7]
    x = unit[:, 0] * cos - unit[:, 1] * sin
    y = unit[:, 0] * sin + unit[:, 1] * cos
    points = torch.stack([x, y, unit[:, 2]], -1) + boxes[0, :3]
    uv, depth = project_points(camera[0], points)
    uv = uv[depth > 0.1]
    border = torch.tensor([WIDTH, HEIGHT], dtype=torch.float64)
    low, high = uv.amin(0).clamp(min=0), uv.amax(0).minimum(border)
    return torch.cat([low, high])


@pytest.mark.parametrize(
    "boxes",
    [
        pytest.param(box(10, 0, 0), id="in view"),
        pytest.param(box(8, 5, 0.5, yaw=1.2), id="at the border"),
        pytest.param(box(1.0, 1.8, 0, yaw=0.1), id="partly behind the camera"),
    ],
)
def test_equals_brute_force(camera, boxes):
    torch.testing.assert_close(
        sized(camera, boxes)[0], brute_force(camera, boxes), atol=1.0, rtol=0
    )


def test_behind_and_beside(camera):
    for boxes in (box(-10, 0, 0), box(2, 30, 0)):
        assert not sized(camera, boxes).any()


def test_no_boxes(camera):
    assert sized(camera, torch.zeros(0, 10, dtype=torch.float64)).shape == (0, 4)


def test_best_views():
    views = torch.zeros(2, 2, 4)
    views[0, 0], views[1, 0] = torch.tensor([0, 0, 4, 4]), torch.tensor([0, 0, 9, 1])
    views[1, 1] = torch.tensor([1, 1, 2, 2])
    camera, bounds = best_views(views)
    assert camera.tolist() == [0, 1]
    assert bounds.tolist() == [[0, 0, 4, 4], [1, 1, 2, 2]]
