"""From the columns of the tables to those of the index: sorted, joined and checked."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drivetr.data.nuscenes.boxes import annotation_columns
from drivetr.data.nuscenes.categories import is_known_category
from drivetr.data.nuscenes.checks import checked_intrinsics, checked_rotations, foreign_rows
from drivetr.data.nuscenes.report import Report
from drivetr.data.nuscenes.tables import Columns, KeyTable, decoded

# Order of the cameras wherever nuScenes' rig is used; other channels follow in table order.
NUSCENES_CAMERAS = (
    "CAM_FRONT",
    "CAM_FRONT_RIGHT",
    "CAM_FRONT_LEFT",
    "CAM_BACK",
    "CAM_BACK_LEFT",
    "CAM_BACK_RIGHT",
)
MAX_SAMPLE_GAP_US = 600_000


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
    images, lidars = _sensor_rows(tables, new_sample_row, channel_of, samples, report)
    has_lidar = bool(len(lidars["sample"]))
    references = _references(samples, images, lidars, len(channels), has_lidar, report)
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
    found = dict.fromkeys(decoded(sensors["channel"][sensors["modality"] == b"camera"]))
    first = [name for name in NUSCENES_CAMERAS if name in found]
    return first + [name for name in found if name not in NUSCENES_CAMERAS]


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
        "time-gap": step > MAX_SAMPLE_GAP_US,
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
                f" {MAX_SAMPLE_GAP_US / 1e6} s; temporal models start afresh here"
            ),
        )


def _sensor_rows(
    tables: dict[str, Columns],
    new_sample_row: NDArray[np.int64],
    channel_of: NDArray[np.int16],
    samples: Columns,
    report: Report,
) -> tuple[Columns, Columns]:
    """Images in order of scene, camera and time, and lidar keyframes, both with their ego pose."""
    table, poses = tables["sample_data"], tables["ego_pose"]
    rotation = checked_rotations(poses, "ego_pose", report)
    pose = np.concatenate([poses["translation"], rotation], axis=1)
    pose = np.concatenate([pose, np.full((1, 7), np.nan)])
    pose_row = KeyTable(poses["token"]).rows_of(table["ego_pose_token"])
    sample = new_sample_row[table["sample"]].astype(np.int32)
    rows = {
        "row": table["row"],
        "timestamp": table["timestamp"],
        "sample": sample,
        "calibration": table["calibration"],
        "channel": channel_of[table["calibration"]],
        "is_key": table["is_key_frame"],
        "size": np.stack([table["height"], table["width"]], axis=1).astype(np.int32),
        "filename": table["filename"],
        "pose": pose[pose_row],
    }
    scene = samples["sample_scene"][sample]
    order = np.lexsort((rows["timestamp"], rows["channel"], scene))
    rows = {key: values[order] for key, values in rows.items()}
    group = scene[order].astype(np.int64) * (len(channel_of) + 1) + rows["channel"]
    rows["chain"] = _chains(table, order, group, report)
    posed = pose_row[order] >= 0
    _report_missing_poses(rows, posed, report)
    is_camera = table["is_camera"][order]
    images = {key: values[is_camera & posed] for key, values in rows.items()}
    lidars = {key: values[~is_camera & posed] for key, values in rows.items()}
    return images, lidars


def _chains(
    table: Columns, order: NDArray[np.int64], group: NDArray[np.int64], report: Report
) -> NDArray[np.int32]:
    """Number of the unbroken run of prev links that each row belongs to, rows in `order`.

    A link that is not the neighbour in time is looked up; one that names nothing is an error.
    """
    token = table["token"][order]
    same_group = group[1:] == group[:-1]
    linked = np.zeros(len(order), bool)
    linked[1:] = same_group & (table["prev"][order][1:] == token[:-1])
    followed = np.zeros(len(order), bool)
    followed[:-1] = same_group & (table["next"][order][:-1] == token[1:])
    keys: KeyTable | None = None
    is_camera = table["is_camera"][order]  # lidar keyframes link to sweeps that are not kept
    for field, good in (("prev", linked), ("next", followed)):
        links = table[field][order]
        open_rows = np.flatnonzero(~good & (links != b"") & is_camera)
        if not len(open_rows):
            continue
        keys = keys or KeyTable(token)
        dangling = open_rows[keys.rows_of(links[open_rows]) < 0]
        _report_links(table["row"][order], dangling, field, report)
        _report_disorder(table["row"][order], np.setdiff1d(open_rows, dangling), field, report)
    return np.cumsum(~linked).astype(np.int32)


def _report_links(
    rows: NDArray[np.int64], where: NDArray[np.int64], field: str, report: Report
) -> None:
    report.error_rows(
        "dangling-key",
        where,
        lambda i: (
            f"sample_data.json: row {rows[i]}, field {field} names no image in sample_data.json"
        ),
    )


def _report_disorder(
    rows: NDArray[np.int64], where: NDArray[np.int64], field: str, report: Report
) -> None:
    report.warn_rows(
        "sweep-order",
        where,
        lambda i: (
            f"sample_data.json: row {rows[i]}, field {field} is not the neighbour in time of the"
            " same camera and scene; the history of sweeps is cut here"
        ),
    )


def _report_missing_poses(rows: Columns, posed: NDArray[np.bool_], report: Report) -> None:
    def tell(i: int) -> str:
        return (
            f"sample_data.json: row {rows['row'][i]}, field ego_pose_token names no row of"
            f" ego_pose.json{'' if rows['is_key'][i] else '; the sweep is left out'}"
        )

    report.error_rows("dangling-key", np.flatnonzero(~posed & rows["is_key"]), tell)
    report.warn_rows("sweep-without-pose", np.flatnonzero(~posed & ~rows["is_key"]), tell)


def _references(
    samples: Columns,
    images: Columns,
    lidars: Columns,
    num_cameras: int,
    has_lidar: bool,
    report: Report,
) -> Columns:
    """For each sample its keyframe images, and the file and pose of its frame of reference."""
    count = len(samples["sample_token"])
    keys = np.flatnonzero(images["is_key"])
    key_image = np.full((count, num_cameras), -1, np.int32)
    key_image[images["sample"][keys], images["channel"][keys]] = keys
    taken = key_image[images["sample"][keys], images["channel"][keys]]
    _report_double_keys(images, keys[taken != keys], report)
    columns = {
        "sample_image": key_image,
        "sample_pose": np.full((count, 7), np.nan),
        "sample_lidar_calibration": np.full(count, -1, np.int32),
        "sample_lidar_file": np.zeros(count, lidars["filename"].dtype),
    }
    if has_lidar:
        where = lidars["sample"]
        columns["sample_pose"][where] = lidars["pose"]
        columns["sample_lidar_calibration"][where] = lidars["calibration"]
        columns["sample_lidar_file"][where] = lidars["filename"]
    elif len(images["row"]):
        # Ego is the reference: the pose of the first keyframe image nearest in time.
        gap = np.abs(images["timestamp"][key_image] - samples["sample_timestamp"][:, None])
        gap = np.where(key_image >= 0, gap, np.iinfo(np.int64).max)
        nearest = key_image[np.arange(count), gap.argmin(axis=1)]
        columns["sample_pose"] = np.where(nearest[:, None] >= 0, images["pose"][nearest], np.nan)
    need = "LIDAR_TOP keyframe" if has_lidar else "camera keyframe"
    report.error_rows(
        "sample-without-pose",
        np.flatnonzero(np.isnan(columns["sample_pose"]).any(axis=1)),
        lambda i: (
            f"sample_data.json: sample {samples['sample_token'][i].decode()} has no usable {need},"
            " which gives the ego pose of its frame of reference"
        ),
    )
    return columns


def _report_double_keys(images: Columns, lost: NDArray[np.int64], report: Report) -> None:
    report.error_rows(
        "two-keyframes",
        lost,
        lambda i: (
            f"sample_data.json: row {images['row'][i]}, field is_key_frame: the sample has another"
            " keyframe of the same camera, expected one"
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
