"""The sensors: nuScenes-like by default, or any rig from a JSON file."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetr.errors import DrivetrError

Array = NDArray[np.float64]

# Channel: focal length, principal point (pixels of 1600x900), position, heading in the ego frame.
# Rounded from a published nuScenes calibration; CAM_BACK is the wide one (0.64 of the others).
_NUSCENES_CAMERAS = {
    "CAM_FRONT": (1266.0, 816.0, 491.0, (1.70, 0.02, 1.51), 0.3),
    "CAM_FRONT_RIGHT": (1261.0, 808.0, 495.0, (1.55, -0.49, 1.50), -56.4),
    "CAM_FRONT_LEFT": (1272.0, 827.0, 480.0, (1.52, 0.49, 1.51), 55.1),
    "CAM_BACK": (809.0, 829.0, 482.0, (0.03, 0.00, 1.58), 179.6),
    "CAM_BACK_LEFT": (1257.0, 792.0, 493.0, (1.04, 0.48, 1.59), 108.6),
    "CAM_BACK_RIGHT": (1260.0, 807.0, 501.0, (1.01, -0.48, 1.56), -110.8),
}
_FULL_WIDTH, _FULL_HEIGHT = 1600, 900


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: x right, y down, z forward; the first pixel covers 0..1, as everywhere."""

    name: str
    width: int
    height: int
    focal_rows: tuple[tuple[float, ...], ...]  # the rows of the intrinsic matrix
    translation: tuple[float, ...]  # of the camera in the ego frame, metres
    rotation: tuple[float, ...]  # wxyz, ego from camera

    @property
    def intrinsic(self) -> Array:
        """The (3, 3) intrinsic matrix, pixels of the written image."""
        return np.array(self.focal_rows, dtype=float)

    @property
    def ego_from_cam(self) -> Array:
        """The 4x4 pose in the ego frame."""
        return rigid(self.translation, self.rotation)


@dataclass(frozen=True)
class Lidar:
    """A spinning lidar; it looks along its own +y as the one of nuScenes does."""

    translation: tuple[float, ...] = (0.94, 0.0, 1.84)
    rotation: tuple[float, ...] = (math.sqrt(0.5), 0.0, 0.0, -math.sqrt(0.5))
    rings: int = 32
    azimuths: int = 720
    lowest_deg: float = -29.0
    highest_deg: float = 5.0
    reach: float = 60.0

    @property
    def ego_from_lidar(self) -> Array:
        """The 4x4 pose in the ego frame."""
        return rigid(self.translation, self.rotation)


@dataclass(frozen=True)
class Rig:
    """All sensors of the car."""

    cameras: tuple[Camera, ...]
    lidar: Lidar | None


def rigid(translation: tuple[float, ...], rotation_wxyz: tuple[float, ...]) -> Array:
    """A 4x4 pose from position and unit quaternion (formula: Shuster 1993, eq. 118)."""
    w, x, y, z = np.asarray(rotation_wxyz, float) / np.linalg.norm(rotation_wxyz)
    pose = np.eye(4)
    pose[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    pose[:3, 3] = translation
    return pose


def _camera_quaternion(heading_deg: float) -> tuple[float, ...]:
    """Ego-from-camera rotation (wxyz) of a level camera that looks along `heading_deg`."""
    half = math.radians(heading_deg) / 2
    w, z = math.cos(half), math.sin(half)
    base = (0.5, -0.5, 0.5, -0.5)  # optical axes of a camera that looks along ego +x
    return (
        w * base[0] - z * base[3],
        w * base[1] - z * base[2],
        w * base[2] + z * base[1],
        w * base[3] + z * base[0],
    )


def nuscenes_rig(height: int, width: int) -> Rig:
    """Six cameras of 1600x900, resized to `width` and cropped from above to `height`."""
    scale = max(width / _FULL_WIDTH, height / _FULL_HEIGHT)
    cut_left = (_FULL_WIDTH * scale - width) / 2
    cut_top = _FULL_HEIGHT * scale - height
    cameras = []
    for name, (focal, cx, cy, position, heading) in _NUSCENES_CAMERAS.items():
        centre = ((cx + 0.5) * scale - cut_left, (cy + 0.5) * scale - cut_top)
        intrinsic = (
            (focal * scale, 0.0, centre[0]),
            (0.0, focal * scale, centre[1]),
            (0.0, 0.0, 1.0),
        )
        cameras.append(
            Camera(name, width, height, intrinsic, position, _camera_quaternion(heading))
        )
    return Rig(tuple(cameras), Lidar())


def load_rig(path: Path) -> Rig:
    """Reads a rig from JSON.

    The file holds `{"cameras": [{"name", "width", "height", "intrinsic" (3x3),
    "ego_from_cam": {"translation", "rotation" (wxyz)}}, ...], "lidar":
    true | false | {"ego_from_lidar", "rings", "azimuths"}}`; without `lidar` there is none.

    Raises:
        DrivetrError: the file is missing, is no JSON, or a field is missing, unknown or impossible.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DrivetrError(
            f"rig file {path} cannot be read as JSON ({error}); give a rig file."
        ) from None
    _check_fields(path, "the rig", content, {"cameras"}, {"lidar"})
    if not isinstance(content["cameras"], list) or not content["cameras"]:
        raise DrivetrError(f"rig file {path}: cameras must be a list of at least one camera.")
    cameras = tuple(_camera(path, number, entry) for number, entry in enumerate(content["cameras"]))
    names = [camera.name for camera in cameras]
    if len(set(names)) < len(names):
        raise DrivetrError(f"rig file {path}: camera names must differ, found {', '.join(names)}.")
    return Rig(cameras, _lidar(path, content.get("lidar", False)))


def _check_fields(path: Path, what: str, entry: Any, needed: set[str], allowed: set[str]) -> None:
    if not isinstance(entry, dict):
        raise DrivetrError(
            f"rig file {path}: {what} must be an object, found {type(entry).__name__}."
        )
    for name in sorted(needed - set(entry)):
        raise DrivetrError(f"rig file {path}: {what} lacks the field {name}; add it.")
    for name in sorted(set(entry) - needed - allowed):
        known = ", ".join(sorted(needed | allowed))
        raise DrivetrError(
            f"rig file {path}: {what} has the unknown field {name}; known are {known}."
        )


def _numbers(path: Path, what: str, value: Any, shape: tuple[int, ...]) -> Array:
    try:
        array = np.array(value, dtype=float)
    except (TypeError, ValueError, OverflowError):
        array = np.full(1, np.nan)
    if array.shape != shape or not np.isfinite(array).all():
        raise DrivetrError(f"rig file {path}: {what} must be finite numbers of shape {shape}.")
    return array


def _pose(path: Path, what: str, entry: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    _check_fields(path, what, entry, {"translation", "rotation"}, set())
    translation = _numbers(path, f"{what}.translation", entry["translation"], (3,))
    rotation = _numbers(path, f"{what}.rotation", entry["rotation"], (4,))
    if abs(np.linalg.norm(rotation) - 1) > 1e-3:
        raise DrivetrError(f"rig file {path}: {what}.rotation must be a unit quaternion (wxyz).")
    return tuple(translation.tolist()), tuple((rotation / np.linalg.norm(rotation)).tolist())


def _camera(path: Path, number: int, entry: Any) -> Camera:
    what = f"cameras[{number}]"
    _check_fields(
        path, what, entry, {"name", "width", "height", "intrinsic", "ego_from_cam"}, set()
    )
    name = entry["name"]
    if not isinstance(name, str) or not name.replace("_", "").replace("-", "").isalnum():
        raise DrivetrError(f"rig file {path}: {what}.name must be letters, digits, _ or -.")
    for side in ("width", "height"):
        if not isinstance(entry[side], int) or not 8 <= entry[side] <= 4096:
            raise DrivetrError(
                f"rig file {path}: {what}.{side} must be a whole number from 8 to 4096."
            )
    intrinsic = _numbers(path, f"{what}.intrinsic", entry["intrinsic"], (3, 3))
    if intrinsic[0, 0] <= 0 or intrinsic[1, 1] <= 0 or (intrinsic[[1, 2, 2], [0, 0, 1]] != 0).any():
        raise DrivetrError(
            f"rig file {path}: {what}.intrinsic must be upper triangular, focal lengths positive."
        )
    translation, rotation = _pose(path, f"{what}.ego_from_cam", entry["ego_from_cam"])
    if translation[2] <= 0:
        raise DrivetrError(
            f"rig file {path}: {what} must stand above the ground (translation z > 0)."
        )
    return Camera(
        name,
        entry["width"],
        entry["height"],
        tuple(map(tuple, intrinsic.tolist())),
        translation,
        rotation,
    )


def _lidar(path: Path, entry: Any) -> Lidar | None:
    if isinstance(entry, bool):
        return Lidar() if entry else None
    _check_fields(path, "lidar", entry, set(), {"ego_from_lidar", "rings", "azimuths"})
    counts = {name: entry[name] for name in ("rings", "azimuths") if name in entry}
    for name, count in counts.items():
        if not isinstance(count, int) or not 2 <= count <= 4096:
            raise DrivetrError(
                f"rig file {path}: lidar.{name} must be a whole number from 2 to 4096."
            )
    if "ego_from_lidar" not in entry:
        return Lidar(**counts)
    translation, rotation = _pose(path, "lidar.ego_from_lidar", entry["ego_from_lidar"])
    return Lidar(translation=translation, rotation=rotation, **counts)
