"""What is remembered, told from where the car is now."""

from dataclasses import replace

import torch

from drivetr.geometry.rigid import rotation_about_z
from drivetr.structures.stream_memory import StreamMemory


def test_a_velocity_is_told_along_the_present_axes() -> None:
    """An object drives ahead while the car turns a quarter to the left: now it drives right."""
    pose = torch.eye(4, dtype=torch.float64).expand(1, 2, 4, 4)
    memory = replace(
        StreamMemory.empty(1, 2, 4),
        velocity=torch.tensor([[[3.0, 0.0], [0.0, 1.0]]]),
        frame_from_lidar=pose,
    )
    now = torch.eye(4, dtype=torch.float64)[None]
    now[0, :3, :3] = rotation_about_z(torch.tensor(torch.pi / 2, dtype=torch.float64))
    moved = memory.moved(torch.linalg.inv(now), torch.tensor([0.5], dtype=torch.float64))
    expected = torch.tensor([[[0.0, -3.0], [1.0, 0.0]]])
    torch.testing.assert_close(moved.present_velocity, expected)
