"""Bounds of 3D boxes in images against the projection of points all over their surface."""

import pytest
import torch
from nuscenes.scripts.export_2d_annotations_as_json import post_process_coords

from drivetr.geometry.boxes import box_corners, make_boxes
from drivetr.geometry.camera import img_from_cam, project_points
from drivetr.geometry.image_boxes import best_views, hull_bounds, image_boxes

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
    return image_boxes(camera, sizes, boxes)[0][0]


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
    assert best_views(views).tolist() == [0, 1]


def test_share_in_view(camera):
    sizes, wide = torch.tensor([[HEIGHT, WIDTH]]), torch.tensor([[HEIGHT, 10 * WIDTH]])
    inside, beyond = box(10, 0, 0), box(8, -9, 0.5)  # the second one reaches past the right border
    assert image_boxes(camera, sizes, inside)[1].item() == 1
    cut, whole = (image_boxes(camera, size, beyond)[0][0, 0] for size in (sizes, wide))
    expected = (cut[2] - cut[0]) / (whole[2] - whole[0])
    assert 0 < expected < 1
    assert image_boxes(camera, sizes, beyond)[1].item() == pytest.approx(expected.item())
    assert image_boxes(camera, sizes, box(-10, 0, 0))[1].item() == 0


def test_hull_bounds_equal_the_devkit(camera):
    """Random boxes all around: in view, at borders, partly behind the camera, beside."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    count = 400
    centre = (draw(count, 3) * 2 - 1) * torch.tensor([12.0, 12.0, 6.0], dtype=torch.float64)
    boxes = make_boxes(centre, draw(count, 3) * 6 + 0.2, draw(count) * 6.3)
    sizes, corners = torch.tensor([[HEIGHT, WIDTH]]), box_corners(boxes)
    found = hull_bounds(camera, sizes, corners)[0]
    uv, depth = project_points(camera[0], corners.flatten(0, 1))
    uv, front = uv.unflatten(0, (-1, 8)), (depth > 0).unflatten(0, (-1, 8))
    some = front.sum(1) >= 3  # the devkit fails for a line or a point
    expected = torch.zeros(count, 4, dtype=torch.float64)
    for i in some.nonzero()[:, 0].tolist():
        bounds = post_process_coords(uv[i][front[i]].tolist(), (WIDTH, HEIGHT))
        expected[i] = torch.tensor(bounds or [0] * 4)
    assert expected.any(-1).sum() > 100
    assert (some & ~front.all(1)).sum() > 10
    torch.testing.assert_close(found[some], expected[some], atol=1e-6, rtol=0)
    assert not found[~front.any(1)].any()
    wider = image_boxes(camera, sizes, boxes)[0][0]
    differs = front.all(1) & ((found - wider).abs().amax(-1) > 1)
    assert differs.sum() > 5, "there are cases in which cutting before or after matters"
