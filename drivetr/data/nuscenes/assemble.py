"""From the columns of the tables to those of the index: sorted, joined and checked."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivetr.data.nuscenes.boxes import annotation_columns
from drivetr.data.nuscenes.categories import is_known_category
from drivetr.data.nuscenes.checks import checked_intrinsics, checked_rotations, foreign_rows
from drivetr.data.nuscenes.sensors import reference_columns, sensor_rows
from drivetr.data.nuscenes.tables import Columns, decoded
from drivetr.data.report import Report
from drivetr.structures.frame import MAX_GAP_US

# Order of the cameras wherever nuScenes' rig is used; other channels follow in table order.
NUSCENES_CAMERAS = (
    "CAM_FRONT",
    "CAM_FRONT_RIGHT",
    "CAM_FRONT_LEFT",
    "CAM_BACK",
    "CAM_BACK_LEFT",
    "CAM_BACK_RIGHT",
)


@dataclass(frozen=True)
class Assembled:
    """The index in memory.

    Attributes:
        columns: what becomes one .npy file each; `drivetr.data.nuscenes.index` tells their meaning.
        names: lists of names that columns point into, and facts of the whole version.
    """

    columns: Columns
    names: Mapping[str, list[str] | str | None]


def assemble(tables: dict[str, Columns], report: Report) -> Assembled:
    """Builds the index's columns from the columns of the tables."""
    channels = _camera_channels(tables["sensor"])
    calibrations, channel_of = _calibrations(tables, channels, report)
    samples, new_sample_row = _samples(tables, report)
    images, lidars = sensor_rows(tables, new_sample_row, channel_of, samples, report)
    has_lidar = bool(len(lidars["sample"]))
    references = reference_columns(samples, images, lidars, len(channels), has_lidar, report)
    boxes = annotation_columns(tables, new_sample_row, samples, report)
    columns = calibrations | samples | references | boxes
    columns |= {f"image_{key}": values for key, values in images.items() if key != "row"}
    names = {
        "camera_names": channels,
        "reference_channel": "LIDAR_TOP" if has_lidar else None,
        "categories": decoded(tables["category"]["name"]),
        "attributes": decoded(tables["attribute"]["name"]),
        "unknown_categories": _unknown_categories(tables["category"], report),
    }
    return Assembled(columns, names)


def _camera_channels(sensors: Columns) -> list[str]:
    found = set(decoded(sensors["channel"][sensors["modality"] == b"camera"]))
    first = [name for name in NUSCENES_CAMERAS if name in found]
    return first + sorted(found.difference(NUSCENES_CAMERAS))


def _calibrations(
    tables: dict[str, Columns], channels: list[str], report: Report
) -> tuple[Columns, NDArray[np.int16]]:
    """Calibration columns, and for each calibration its camera's number (-1 for other sensors)."""
    table, sensors = tables["calibrated_sensor"], tables["sensor"]
    sensor = foreign_rows(tables, "calibrated_sensor", "sensor_token", "sensor", report)
    number = {name: place for place, name in enumerate(channels)}
    is_camera = sensors["modality"] == b"camera"
    of_sensor = [
        number[name] if camera else -1
        for name, camera in zip(decoded(sensors["channel"]), is_camera, strict=True)
    ]
    channel_of = np.array([*of_sensor, -1], dtype=np.int16)[sensor]
    rotation = checked_rotations(table, "calibrated_sensor", report)
    checked_intrinsics(table, channel_of >= 0, report)
    pose = np.concatenate([table["translation"], rotation], axis=1)
    return {
        "calibration_pose": pose,
        "calibration_intrinsic": table["camera_intrinsic"],
    }, channel_of


def _samples(tables: dict[str, Columns], report: Report) -> tuple[Columns, NDArray[np.int64]]:
    """Scene and sample columns in scene order then time, and the new row of each old one."""
    table, scenes = tables["sample"], tables["scene"]
    scene = foreign_rows(tables, "sample", "scene_token", "scene", report)
    for end in ("first_sample_token", "last_sample_token"):
        foreign_rows(tables, "scene", end, "sample", report)
    log = foreign_rows(tables, "scene", "log_token", "log", report)
    order = np.lexsort((table["timestamp"], scene))
    new_row = np.empty(len(order) + 1, np.int64)
    new_row[order] = np.arange(len(order))
    new_row[-1] = -1
    columns = {
        "sample_token": table["token"][order],
        "sample_scene": scene[order].astype(np.int32),
        "sample_timestamp": table["timestamp"][order],
    }
    for side in ("prev", "next"):
        rows = foreign_rows(tables, "sample", side, "sample", report, may_be_empty=True)
        columns[f"sample_{side}"] = new_row[rows][order].astype(np.int32)
    _check_time(columns, report)
    location = np.append(tables["log"]["location"], b"")[log]
    starts = np.searchsorted(columns["sample_scene"], np.arange(len(scenes["token"]) + 1))
    return columns | {
        "scene_token": scenes["token"],
        "scene_name": scenes["name"],
        "scene_description": scenes["description"],
        "scene_location": location,
        "scene_start": starts.astype(np.int64),
    }, new_row


def _check_time(samples: Columns, report: Report) -> None:
    """Warns of samples that do not follow their predecessor by 0 to 0.6 s in the same scene."""
    time, prev, scene = (samples[f"sample_{key}"] for key in ("timestamp", "prev", "scene"))
    has_prev = np.flatnonzero(prev >= 0)
    step = time[has_prev] - time[prev[has_prev]]
    other_scene = scene[has_prev] != scene[prev[has_prev]]
    kinds = {
        "time-goes-back": step < 0,
        "time-repeats": step == 0,
        "time-gap": step > MAX_GAP_US,
        "scene-crossed": other_scene,
    }
    for kind, wrong in kinds.items():
        report.warn_rows(
            kind,
            np.flatnonzero(wrong),
            lambda i: (
                f"sample.json: token {samples['sample_token'][has_prev[i]].decode()}, field"
                f" timestamp is {step[i] / 1e6:+.3f} s after its prev"
                f"{' of another scene' if other_scene[i] else ''}, expected between 0 and"
                f" {MAX_GAP_US / 1e6} s; temporal models start afresh here"
            ),
        )


def _unknown_categories(table: Columns, report: Report) -> list[str]:
    unknown = [name for name in decoded(table["name"]) if not is_known_category(name)]
    for name in unknown:
        report.warn(
            "unknown-category",
            f"category.json: field name {name!r} is no nuScenes category; its boxes have no"
            " detection class",
        )
    return unknown
