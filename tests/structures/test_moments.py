"""When and where the frames of a batch were taken."""

import pytest
import torch

from drivetr.geometry.rigid import rotation_about_z
from drivetr.structures.moments import Moments


def moments(dtype: torch.dtype = torch.float64) -> Moments:
    pose = torch.eye(4, dtype=torch.float64)
    pose[:3, :3] = rotation_about_z(torch.tensor(0.7, dtype=torch.float64))
    pose[:3, 3] = torch.tensor([1234.5, -987.6, 1.0])
    return Moments(pose[None], torch.tensor([1.5e9], dtype=dtype), torch.tensor([True]))


def test_seconds_of_single_precision_are_refused():
    """Unix time in 32 bits has steps of two minutes."""
    with pytest.raises(ValueError, match=r"timestamp_s is torch.float32, expected torch.float64"):
        moments(torch.float32)


def test_the_inverse_pose_undoes_the_pose():
    there = moments()
    both = there.lidar_from_global @ there.global_from_lidar
    torch.testing.assert_close(both, torch.eye(4, dtype=torch.float64)[None], atol=1e-12, rtol=0)
