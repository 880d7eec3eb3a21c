"""What the extra channels say, by walking along the rays."""

import math
from dataclasses import replace

import torch

from drivetr.nn.ray_channels import GroundRays
from drivetr.structures.cameras import Cameras
from tests.models.samples import make_cameras

GROUND, SCALE, HEIGHT = -1.5, 10.0, 0.7  # HEIGHT of the cameras above the reference frame's origin


def mounted_cameras() -> Cameras:
    """Three cameras away from the origin, which look down by a tenth of a radian."""
    cameras = make_cameras(1, 3, size=(24, 32), focal=20.0)
    cos, sin = math.cos(0.1), math.sin(0.1)
    tilt = torch.tensor([[1, 0, 0], [0, cos, -sin], [0, sin, cos]], dtype=torch.float64)
    matrix = cameras.img_from_lidar.clone()
    intrinsic = torch.tensor([[20.0, 0, 16], [0, 20.0, 12], [0, 0, 1]], dtype=torch.float64)
    turn = intrinsic @ tilt @ torch.linalg.inv(intrinsic)
    matrix[..., :3, :3] = turn @ matrix[..., :3, :3]
    place = torch.tensor([1.0, -0.5, HEIGHT], dtype=torch.float64)
    matrix[..., :3, 3] = -(matrix[..., :3, :3] @ place)
    return replace(cameras, img_from_lidar=matrix)


def test_rays_end_on_the_ground_and_have_their_slope() -> None:
    cameras = mounted_cameras()
    channels = GroundRays(GROUND, SCALE)(cameras)[0].double()
    inverse = torch.linalg.inv(cameras.img_from_lidar[0])
    below = above = 0
    for camera in range(3):
        eye = inverse[camera, :3, 3].tolist()
        for row in range(24):
            for column in range(0, 32, 5):
                seen = torch.tensor([column + 0.5, row + 0.5, 1, 1], dtype=torch.float64)
                ahead = (inverse[camera] @ seen)[:3].tolist()  # one metre deep
                slope, inverse_depth = channels[camera, :, row, column].tolist()
                rise = ahead[2] - eye[2]
                assert math.isclose(slope, rise / math.dist(ahead, eye), abs_tol=1e-5)
                if rise >= 0:
                    assert inverse_depth == 0
                    above += 1
                else:
                    end = eye[2] + rise * SCALE / inverse_depth
                    assert math.isclose(end, GROUND, abs_tol=1e-3)
                    below += 1
    assert below > 50
    assert above > 50


def test_ground_nearer_than_a_metre_counts_as_a_metre() -> None:
    rays = GroundRays(HEIGHT - 0.1, SCALE)
    assert rays(mounted_cameras())[:, :, 1].max() == SCALE
