"""Cameras as Rerun's pinholes, so that it draws the boxes of the scene into every picture."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from drivetr.geometry.camera import split_projection
from drivetr.geometry.rigid import invert_rigid
from drivetr.visual.bev import ring_step
from drivetr.visual.palette import GUIDE, MUTED
from drivetr.visual.recording import RecordedImage
from drivetr.visual.rerun_paths import OVERHEAD, camera_path, entity, image_path
from drivetr.visual.rerun_sdk import rr

_FRUSTUM_M = 4.0  # from a camera to its picture in the 3D view
_OVERHEAD_M = 1000.0  # so high that what is 2 m above ground is drawn 0.2 % too far out
_OVERHEAD_PX = 1000
_CIRCLE_POINTS = 96
# Rows: the right, down and forward of a camera that looks at the road, car heading upwards.
_DOWNWARDS_FROM_EGO = torch.tensor(
    [
        [0.0, -1.0, 0.0, 0.0],
        [-1.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, -1.0, _OVERHEAD_M],
        [0.0, 0.0, 0.0, 1.0],
    ],
    dtype=torch.float64,
)


def pinhole_parts(
    img_from_lidar: Float[Tensor, "4 4"],
) -> tuple[Float[Tensor, "3 3"], Float[Tensor, "4 4"]]:
    """The intrinsic matrix and `lidar_from_cam` of a projection without skew, in float64."""
    projection = img_from_lidar.double()
    _, pose = split_projection(projection)
    cam_from_lidar = torch.cat([pose, projection.new_tensor([[0.0, 0.0, 0.0, 1.0]])])
    intrinsic = projection[:3, :3] @ pose[:, :3].T
    return intrinsic, invert_rigid(cam_from_lidar)


def log_camera(stream: rr.RecordingStream, image: RecordedImage) -> None:
    """A camera and its picture; where the picture is missing the one before it goes away."""
    path = image_path(image.channel)
    if image.jpeg is None:
        stream.log(path, rr.Clear(recursive=False))
    else:
        stream.log(path, rr.EncodedImage(contents=image.jpeg, media_type="image/jpeg"))
    intrinsic, lidar_from_cam = pinhole_parts(image.img_from_lidar)
    if not (intrinsic.isfinite().all() and lidar_from_cam.isfinite().all()):
        return  # a camera that the frame lacks has no calibration
    _log_pinhole(stream, camera_path(image.channel), intrinsic, lidar_from_cam, image.size)


def log_overhead(stream: rr.RecordingStream, ego_from_lidar: Float[Tensor, "4 4"]) -> None:
    """Moves the camera of the view from above along with the car."""
    lidar_from_cam = invert_rigid(_DOWNWARDS_FROM_EGO @ ego_from_lidar.double())
    stream.log(OVERHEAD, _transform(lidar_from_cam))


def log_rings(stream: rr.RecordingStream, range_m: float) -> None:
    """The view from above: its pinhole, and circles around the car with their distance."""
    middle, scale = _OVERHEAD_PX / 2, _OVERHEAD_PX / (2 * range_m)
    focal = scale * _OVERHEAD_M
    intrinsic = torch.tensor([[focal, 0, middle], [0, focal, middle], [0, 0, 1]]).double()
    size = (_OVERHEAD_PX, _OVERHEAD_PX)
    stream.log(OVERHEAD, _pinhole(intrinsic, size), static=True)
    step = ring_step(range_m)
    angles = torch.linspace(0, 2 * math.pi, _CIRCLE_POINTS + 1)
    unit = torch.stack([angles.cos(), angles.sin()], dim=-1)
    radii = [step * (i + 1) for i in range(math.floor(range_m / step))]
    circles = [(middle + scale * radius * unit).numpy() for radius in radii]
    thin = rr.Radius.ui_points(0.5)
    diagonal = scale * math.sqrt(0.5)  # to the front right, where few things drive
    stream.log(
        OVERHEAD + entity("rings"),
        rr.LineStrips2D(circles, colors=GUIDE, radii=thin),
        static=True,
    )
    stream.log(
        OVERHEAD + entity("distances"),
        rr.Points2D(
            [[middle + diagonal * radius, middle - diagonal * radius] for radius in radii],
            colors=MUTED,
            labels=[f"{radius:g} m" for radius in radii],
            show_labels=True,
            radii=thin,
        ),
        static=True,
    )


def _log_pinhole(
    stream: rr.RecordingStream,
    path: str,
    intrinsic: Float[Tensor, "3 3"],
    lidar_from_cam: Float[Tensor, "4 4"],
    size: tuple[int, int],
) -> None:
    stream.log(path, _pinhole(intrinsic, size))
    stream.log(path, _transform(lidar_from_cam))


def _pinhole(intrinsic: Float[Tensor, "3 3"], size: tuple[int, int]) -> rr.Pinhole:
    height, width = size
    return rr.Pinhole(
        image_from_camera=intrinsic.numpy(),
        resolution=[width, height],
        camera_xyz=rr.ViewCoordinates.RDF,
        image_plane_distance=_FRUSTUM_M,
    )


def _transform(parent_from_child: Float[Tensor, "4 4"]) -> rr.Transform3D:
    matrix = parent_from_child.numpy()
    return rr.Transform3D(translation=matrix[:3, 3], mat3x3=matrix[:3, :3])
