"""A frame made by hand, so that transforms are tested without any files."""

import math
from collections.abc import Callable, Sequence

import pytest
import torch

from drivetr.geometry.boxes import make_boxes
from drivetr.geometry.camera import img_from_cam
from drivetr.geometry.rigid import invert_rigid, rigid_from, rotation_about_z
from drivetr.structures.cameras import Cameras
from drivetr.structures.frame import Frame, Targets

# x right, y down, z forward of a camera that looks along +x of the car.
_CAR_FROM_CAM = torch.tensor([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], dtype=torch.float64)


def _img_from_lidar(yaw: float, height: int, width: int) -> torch.Tensor:
    focal = 0.8 * width
    intrinsic = torch.tensor(
        [[focal, 0, width / 2 + 3.3], [0, focal, height / 2 - 1.7], [0, 0, 1]], dtype=torch.float64
    )
    turn = rotation_about_z(torch.tensor(yaw, dtype=torch.float64)) @ _CAR_FROM_CAM
    shift = torch.tensor([0.4 * math.cos(yaw), 0.3 * math.sin(yaw), -0.2], dtype=torch.float64)
    return img_from_cam(intrinsic) @ invert_rigid(rigid_from(turn, shift))


def _targets(count: int, generator: torch.Generator) -> Targets:
    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    boxes = make_boxes(
        center=(uniform(count, 3) - 0.5) * torch.tensor([100.0, 100.0, 4.0]),
        size_lwh=0.3 + 6 * uniform(count, 3),
        yaw=(uniform(count) - 0.5) * 2 * math.pi,
        velocity=(uniform(count, 2) - 0.5) * 20,
    )
    ids = torch.arange(count)
    return Targets(boxes=boxes, labels=ids % 10, num_points=ids, visibility=ids % 5, instance=ids)


def _make_frame(
    sizes: Sequence[tuple[int, int]] = ((90, 160),) * 6, num_boxes: int = 12, seed: int = 0
) -> Frame:
    generator = torch.Generator().manual_seed(seed)
    height, width = (max(size[axis] for size in sizes) for axis in (0, 1))
    images = torch.zeros(len(sizes), 3, height, width, dtype=torch.uint8)
    for n, (h, w) in enumerate(sizes):
        images[n, :, :h, :w] = torch.randint(0, 256, (3, h, w), generator=generator)
    yaws = [2 * math.pi * n / len(sizes) for n in range(len(sizes))]
    matrices = [_img_from_lidar(yaw, *size) for yaw, size in zip(yaws, sizes, strict=True)]
    turn = rotation_about_z(torch.tensor(0.7, dtype=torch.float64))
    shift = torch.tensor([411.3, 1180.9, 1.2], dtype=torch.float64)
    return Frame(
        token="t",
        scene="s",
        timestamp_us=1,
        images=images,
        cameras=Cameras(
            img_from_lidar=torch.stack(matrices),
            image_size=torch.tensor(sizes),
            pad_size=(height, width),
            valid=torch.ones(len(sizes), dtype=torch.bool),
        ),
        camera_names=tuple(f"CAM_{n}" for n in range(len(sizes))),
        global_from_lidar=rigid_from(turn, shift),
        ego_from_lidar=rigid_from(torch.eye(3, dtype=torch.float64), shift * 0.001),
        targets=_targets(num_boxes, generator),
    )


@pytest.fixture(scope="session")
def make_frame() -> Callable[..., Frame]:
    return _make_frame


@pytest.fixture
def frame(make_frame: Callable[..., Frame]) -> Frame:
    return make_frame()


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
