"""What of a camera never changes: where each oversampled pixel meets the ground or the sky."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from drivetr.data.synth.rig import Camera
from drivetr.data.synth.surfaces import SKY_HEIGHT, SKY_HIGH, SKY_LOW, SKY_WIDTH

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
OVERSAMPLING = 2


@dataclass(frozen=True)
class View:
    """Per-pixel constants of one camera; images are OVERSAMPLING times the written size."""

    camera: Camera
    intrinsic: Array  # of the oversampled image, in OpenCV's way: pixel centres at whole numbers
    cam_from_ego: Array  # 4x4
    ground_from_pixel: Array  # 3x3: (u, v, 1) to (x, y, 1) on the ground, ego frame
    ground_inverse_depth: Floats  # (H, W) 1/z of the ground, 0 above the horizon
    ground_rows: slice
    sky_rows: slice
    sky_mask: NDArray[np.uint8]  # (H, W) 1 where the sky is
    sky_column: Floats  # column of the panorama for an ego heading of 0
    sky_row: Floats
    octave: Floats  # (H, W) log2 of the metres of ground that one pixel covers lengthwise
    ray: Floats  # (h, w) metres along the ray per metre of depth, written size
    beam: Floats  # (h, w) share of the ego's headlights in this direction, written size


def make_view(camera: Camera) -> View:
    """Prepares one camera."""
    factor = OVERSAMPLING
    intrinsic = camera.intrinsic.copy()
    intrinsic[:2] *= factor
    intrinsic[:2, 2] -= 0.5
    height, width = camera.height * factor, camera.width * factor
    ego_from_cam = camera.ego_from_cam
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    rays_cam = np.stack([columns, rows, np.ones_like(rows)], axis=-1) @ np.linalg.inv(intrinsic).T
    rays = rays_cam @ ego_from_cam[:3, :3].T  # depth 1
    eye = ego_from_cam[:3, 3]
    inverse_depth = np.clip(-rays[..., 2] / eye[2], 0, None)
    sky = inverse_depth < 1 / 400.0
    elevation = np.arctan2(rays[..., 2], np.hypot(rays[..., 0], rays[..., 1]))
    azimuth = np.arctan2(rays[..., 1], rays[..., 0])
    distance = np.linalg.norm(rays, axis=-1)
    with np.errstate(divide="ignore"):
        depth = np.where(inverse_depth > 0, 1 / np.maximum(inverse_depth, 1e-9), 1e9)
    footprint = np.minimum((depth * distance) ** 2 / eye[2] / intrinsic[0, 0], 1e3)
    plane = np.column_stack([ego_from_cam[:3, 0], ego_from_cam[:3, 1], ego_from_cam[:3, 2]])
    ray_from_pixel = plane @ np.linalg.inv(intrinsic)
    ground_from_pixel = np.stack(
        [
            ray_from_pixel[0] * -eye[2] + eye[0] * ray_from_pixel[2],
            ray_from_pixel[1] * -eye[2] + eye[1] * ray_from_pixel[2],
            ray_from_pixel[2],
        ]
    )
    row = (SKY_HIGH - elevation) / (SKY_HIGH - SKY_LOW) * (SKY_HEIGHT - 1)
    beam = np.exp(-((azimuth / 0.5) ** 2) - (np.clip(elevation, 0, None) / 0.08) ** 2)
    return View(
        camera, intrinsic, np.linalg.inv(ego_from_cam), ground_from_pixel,
        inverse_depth.astype(np.float32), _span((~sky).any(axis=1)), _span(sky.any(axis=1)),
        sky.astype(np.uint8),
        (-azimuth * SKY_WIDTH / (2 * math.pi)).astype(np.float32),
        np.clip(row, 0, SKY_HEIGHT - 1).astype(np.float32),
        np.log2(np.maximum(footprint, 1e-6)).astype(np.float32),
        _shrunk(distance, camera), _shrunk(beam, camera),
    )  # fmt: skip


def _shrunk(values: Array, camera: Camera) -> Floats:
    small: Floats = cv2.resize(
        values.astype(np.float32), (camera.width, camera.height), interpolation=cv2.INTER_AREA
    )
    return small


def _span(rows: NDArray[np.bool_]) -> slice:
    found = np.flatnonzero(rows)
    return slice(int(found[0]), int(found[-1]) + 1) if len(found) else slice(0, 0)
