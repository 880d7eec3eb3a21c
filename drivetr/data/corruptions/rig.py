"""Cameras that do not hang where their calibration says.

The detector is told the calibration of before; the ground truth stays where it is.
"""

import math
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from drivetr.data.sampler import seed_from
from drivetr.geometry.rigid import invert_rigid, rigid_from, rotation_from_quaternion
from drivetr.structures.frame import PAST, Frame


class ShakenRig:
    """Every camera hangs turned and shifted against its calibration, the same through a scene.

    Axis and direction are random for each scene and camera, and the same for errors of all sizes.

    Args:
        degrees: angle of the turn about the camera's own centre.
        metres: length of the shift.
    """

    def __init__(self, degrees: float = 0.0, metres: float = 0.0) -> None:
        self.degrees = degrees
        self.metres = metres

    def __call__(self, frame: Frame, generator: torch.Generator) -> Frame:
        """The frame with wrong calibrations; the generator is not used."""
        axes = torch.stack([_axes(frame.scene, name) for name in frame.camera_names])  # N 2 3
        turn, shift = axes.unbind(1)
        half = math.radians(self.degrees) / 2
        cosine = torch.full_like(turn[:, :1], math.cos(half))
        rotation = rotation_from_quaternion(torch.cat([cosine, turn * math.sin(half)], dim=-1))
        wrong = moved_cameras(frame.cameras.img_from_lidar, rotation, shift * self.metres)
        return replace(frame, cameras=replace(frame.cameras, img_from_lidar=wrong))


def _axes(scene: str, camera: str) -> Float[Tensor, "2 3"]:
    """Two random unit vectors, the same for a camera's images of now and of the past."""
    draws = np.random.default_rng(seed_from("shaken_rig", scene, camera.removesuffix(PAST)))
    axes = torch.from_numpy(draws.normal(size=(2, 3)))
    return torch.nn.functional.normalize(axes, dim=-1)


def moved_cameras(
    img_from_lidar: Float[Tensor, "N 4 4"],
    rotation: Float[Tensor, "N 3 3"],
    shift: Float[Tensor, "N 3"],
) -> Float[Tensor, "N 4 4"]:
    """Projections of cameras that were turned about their own centres and then shifted.

    A point that the camera saw before is seen again where it has made the same move.

    Args:
        img_from_lidar: float64 projections.
        rotation: of each camera, in the reference frame.
        shift: of each camera in metres, in the reference frame.
    """
    centre = -torch.linalg.solve(img_from_lidar[:, :3, :3], img_from_lidar[:, :3, 3])
    turned = (rotation @ centre[..., None])[..., 0]
    new_from_old = rigid_from(rotation, centre + shift - turned)
    return img_from_lidar @ invert_rigid(new_from_old)


class SwappedCameras:
    """Pairs of cameras deliver each other's images, the same pairs through a scene.

    Args:
        pairs: number of pairs, as far as there are cameras.
    """

    def __init__(self, pairs: int = 1) -> None:
        self.pairs = pairs

    def __call__(self, frame: Frame, generator: torch.Generator) -> Frame:
        """The frame with images under wrong names; the generator is not used."""
        owners = [name.removesuffix(PAST) for name in frame.camera_names]
        cameras = list(dict.fromkeys(owners))
        draws = np.random.default_rng(seed_from("camera_swap", frame.scene))
        chosen = [cameras[n] for n in draws.permutation(len(cameras))]
        partner = {name: name for name in cameras}
        for a, b in list(zip(chosen[::2], chosen[1::2], strict=False))[: self.pairs]:
            partner |= {a: b, b: a}
        names = [
            partner[owner] + name.removeprefix(owner)
            for owner, name in zip(owners, frame.camera_names, strict=True)
        ]
        source = torch.tensor([frame.camera_names.index(name) for name in names])
        cameras_seen = replace(
            frame.cameras,
            image_size=frame.cameras.image_size[source],
            valid=frame.cameras.valid[source],
        )
        return replace(frame, images=frame.images[source], cameras=cameras_seen)
