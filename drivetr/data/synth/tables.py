"""The thirteen tables of nuScenes; a row's token is the MD5 of what it stands for."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetr.data.synth.rig import Rig

Row = dict[str, Any]
VERSION = "v1.0-synth"
TABLES = (
    "attribute", "calibrated_sensor", "category", "ego_pose", "instance", "log", "map", "sample",
    "sample_annotation", "sample_data", "scene", "sensor", "visibility",
)  # fmt: skip
CATEGORIES = (
    "human.pedestrian.adult", "human.pedestrian.child", "human.pedestrian.wheelchair",
    "human.pedestrian.stroller", "human.pedestrian.personal_mobility",
    "human.pedestrian.police_officer", "human.pedestrian.construction_worker", "animal",
    "vehicle.car", "vehicle.motorcycle", "vehicle.bicycle",
    "vehicle.bus.bendy", "vehicle.bus.rigid", "vehicle.truck", "vehicle.construction",
    "vehicle.emergency.ambulance", "vehicle.emergency.police", "vehicle.trailer",
    "movable_object.barrier",
    "movable_object.trafficcone", "movable_object.pushable_pullable", "movable_object.debris",
    "static_object.bicycle_rack",
)  # fmt: skip
ATTRIBUTES = (
    "vehicle.moving", "vehicle.stopped", "vehicle.parked", "cycle.with_rider",
    "cycle.without_rider",
    "pedestrian.sitting_lying_down", "pedestrian.standing", "pedestrian.moving",
)  # fmt: skip
_VISIBILITY = (
    ("1", "v0-40", "0 and 40%"),
    ("2", "v40-60", "40 and 60%"),
    ("3", "v60-80", "60 and 80%"),
    ("4", "v80-100", "80 and 100%"),
)


def token(*parts: object) -> str:
    """A row's name: the same parts give the same 32 hex digits."""
    return hashlib.md5(
        "/".join(map(str, (VERSION, *parts))).encode(), usedforsecurity=False
    ).hexdigest()


def visibility_level(share: float) -> str:
    """The nuScenes level of a visible share in 0..1."""
    return str(1 + sum(share >= bound for bound in (0.4, 0.6, 0.8)))


def quaternion(rotation: NDArray[np.float64]) -> list[float]:
    """The unit quaternion wxyz of a rotation about z (3x3)."""
    half = np.arctan2(rotation[1, 0], rotation[0, 0]) / 2
    return [float(np.cos(half)), 0.0, 0.0, float(np.sin(half))]


def fixed_tables(rig: Rig) -> dict[str, list[Row]]:
    """The tables that do not depend on any scene."""
    tables: dict[str, list[Row]] = {name: [] for name in TABLES}
    tables["category"] = [
        {"token": token("category", n), "name": n, "description": ""} for n in CATEGORIES
    ]
    tables["attribute"] = [
        {"token": token("attribute", n), "name": n, "description": ""} for n in ATTRIBUTES
    ]
    tables["visibility"] = [
        {"token": t, "level": level, "description": f"visibility of whole object is between {text}"}
        for t, level, text in _VISIBILITY
    ]
    for camera in rig.cameras:
        tables["sensor"].append(
            {"token": token("sensor", camera.name), "channel": camera.name, "modality": "camera"}
        )
        _calibrate(
            tables, camera.name, camera.translation, camera.rotation, camera.intrinsic.tolist()
        )
    if rig.lidar is not None:
        tables["sensor"].append(
            {"token": token("sensor", "LIDAR_TOP"), "channel": "LIDAR_TOP", "modality": "lidar"}
        )
        _calibrate(tables, "LIDAR_TOP", rig.lidar.translation, rig.lidar.rotation, [])
    return tables


def _calibrate(
    tables: dict[str, list[Row]], channel: str, translation: tuple, rotation: tuple, intrinsic: list
) -> None:
    tables["calibrated_sensor"].append(
        {
            "token": token("calibrated_sensor", channel),
            "sensor_token": token("sensor", channel),
            "translation": [float(v) for v in translation],
            "rotation": [float(v) for v in rotation],
            "camera_intrinsic": intrinsic,
        }
    )


def chain(rows: list[Row]) -> None:
    """Fills `prev` and `next` along a list of rows."""
    for before, after in zip(rows[:-1], rows[1:], strict=True):
        before["next"], after["prev"] = after["token"], before["token"]
