"""RepDETR3D's alignment: every camera its own scale and shift, nothing else."""

import torch

from drivetr.nn.camera_alignment import CameraAlignment
from tests.models.samples import make_cameras


@torch.no_grad()
def test_equals_a_walk_over_cameras():
    """Cameras that turn about the origin: their poses are known without taking anything apart."""
    torch.manual_seed(0)
    alignment, cameras = CameraAlignment(8), make_cameras(2, 3)
    for layer in (alignment.norm.gamma, alignment.norm.beta):
        torch.nn.init.normal_(layer.weight)
    levels = [torch.randn(2, 3, 8, 4, 6), torch.randn(2, 3, 8, 2, 3)]
    found = alignment(levels, cameras)
    for camera in range(3):
        intrinsic = torch.tensor([[150.0, 0, 128], [0, 150, 48], [0, 0, 1]], dtype=torch.float64)
        pose = torch.linalg.inv(intrinsic) @ cameras.img_from_lidar[0, camera, :3]
        told = torch.cat([torch.tensor([0.15, 0.15]), pose.float().flatten()])
        hidden = alignment.norm.reduce(told).relu()
        scale, shift = alignment.norm.gamma(hidden), alignment.norm.beta(hidden)
        for level, aligned in zip(levels, found, strict=True):
            expected = level[:, camera] * scale[:, None, None] + shift[:, None, None]
            torch.testing.assert_close(aligned[:, camera], expected, atol=1e-4, rtol=1e-4)


def test_it_starts_as_nothing():
    levels = [torch.randn(1, 3, 8, 4, 6)]
    assert torch.equal(CameraAlignment(8)(levels, make_cameras(1, 3))[0], levels[0])
