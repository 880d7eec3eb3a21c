"""Small random ground truth and cameras for tests of models."""

import math

import torch

from drivetr.geometry.boxes import make_boxes
from drivetr.structures.cameras import Cameras
from drivetr.structures.frame import Frame, Targets


def make_targets(count: int, seed: int = 0, reach: float = 20.0) -> Targets:
    """Random objects around the origin."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    boxes = make_boxes(
        center=(draw(count, 3) * 2 - 1) * torch.tensor([reach, reach, 0.5]),
        size_lwh=draw(count, 3) * 3 + 0.5,
        yaw=draw(count) * 2 * math.pi,
        velocity=draw(count, 2),
    )
    labels = torch.randint(0, 10, (count,), generator=generator)
    ones = torch.ones(count, dtype=torch.long)
    return Targets(boxes, labels, ones, ones, torch.arange(count))


def make_cameras(
    batch: int = 1, num_cameras: int = 6, size: tuple[int, int] = (96, 256), focal: float = 150.0
) -> Cameras:
    """Cameras at the origin that look around in equal steps, the first one along +y."""
    height, width = size
    intrinsic = torch.tensor(
        [[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]], dtype=torch.float64
    )
    matrices = []
    for index in range(num_cameras):
        angle = 2 * math.pi * index / num_cameras
        cos, sin = math.cos(angle), math.sin(angle)
        cam_from_lidar = torch.tensor(
            [[cos, -sin, 0], [0, 0, -1], [sin, cos, 0]], dtype=torch.float64
        )
        matrix = torch.eye(4, dtype=torch.float64)
        matrix[:3, :3] = intrinsic @ cam_from_lidar
        matrices.append(matrix)
    return Cameras(
        img_from_lidar=torch.stack(matrices).expand(batch, -1, -1, -1).clone(),
        image_size=torch.tensor(size).expand(batch, num_cameras, 2).clone(),
        pad_size=size,
        valid=torch.ones(batch, num_cameras, dtype=torch.bool),
    )


def make_frame(num_cameras: int = 6, size: tuple[int, int] = (32, 64), seed: int = 0) -> Frame:
    """Noise in the images of `make_cameras`, without truth; the later half is of the past."""
    cameras = make_cameras(1, num_cameras, size, focal=size[1] / 2)
    generator = torch.Generator().manual_seed(seed)
    return Frame(
        token=f"frame{seed}",
        scene="scene",
        timestamp_us=10**6 * seed,
        images=torch.randint(256, (num_cameras, 3, *size), generator=generator).to(torch.uint8),
        cameras=Cameras(
            cameras.img_from_lidar[0],
            cameras.image_size[0],
            cameras.pad_size,
            cameras.valid[0],
            age_s=1.2 * (torch.arange(num_cameras) >= num_cameras // 2).double(),
        ),
        camera_names=tuple(f"CAM_{n}" for n in range(num_cameras)),
        global_from_lidar=torch.eye(4, dtype=torch.float64),
        ego_from_lidar=torch.eye(4, dtype=torch.float64),
    )
