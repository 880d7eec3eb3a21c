"""From sample_data and ego_pose to image columns and each sample's frame of reference."""

import numpy as np
from numpy.typing import NDArray

from drivetr.data.nuscenes.checks import checked_rotations
from drivetr.data.nuscenes.tables import Columns, KeyTable
from drivetr.data.report import Report


def sensor_rows(
    tables: dict[str, Columns],
    new_sample_row: NDArray[np.int64],
    channel_of: NDArray[np.int16],
    samples: Columns,
    report: Report,
) -> tuple[Columns, Columns]:
    """Images in order of scene, camera and time, and lidar keyframes, both with their ego pose."""
    table, poses = tables["sample_data"], tables["ego_pose"]
    sample = new_sample_row[table["sample"]].astype(np.int32)
    channel = channel_of[table["calibration"]]
    scene = samples["sample_scene"][sample]
    order = np.lexsort((table["timestamp"], channel, scene))
    group = (scene.astype(np.int64) * (len(channel_of) + 1) + channel)[order]
    chain = _chains(table, order, group, report)
    rotation = checked_rotations(poses, "ego_pose", report)
    pose = np.concatenate([poses["translation"], rotation], axis=1)
    pose_row = KeyTable(poses["token"]).rows_of(table["ego_pose_token"])
    _report_missing_poses(table, pose_row, report)

    def chosen(kept: NDArray[np.bool_]) -> Columns:
        rows = order[kept[order]]
        return {
            "row": table["row"][rows],
            "timestamp": table["timestamp"][rows],
            "sample": sample[rows],
            "calibration": table["calibration"][rows],
            "channel": channel[rows],
            "is_key": table["is_key_frame"][rows],
            "size": np.stack([table["height"][rows], table["width"][rows]], 1).astype(np.int32),
            "filename": table["filename"][rows],
            "pose": pose[pose_row[rows]],
            "chain": chain[kept[order]],
        }

    posed = pose_row >= 0
    return chosen(posed & table["is_camera"]), chosen(posed & ~table["is_camera"])


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
        _report_links(table["row"][order], links, dangling, field, report)
        _report_disorder(table["row"][order], np.setdiff1d(open_rows, dangling), field, report)
    return np.cumsum(~linked).astype(np.int32)


def _report_links(
    rows: NDArray[np.int64],
    links: NDArray[np.bytes_],
    where: NDArray[np.int64],
    field: str,
    report: Report,
) -> None:
    report.error_rows(
        "dangling-key",
        where,
        lambda i: (
            f"sample_data.json: row {rows[i]}, field {field} {links[i].decode()!r} names no image"
            " in sample_data.json that can be used"
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


def _report_missing_poses(table: Columns, pose_row: NDArray[np.int64], report: Report) -> None:
    missing, is_key = pose_row < 0, table["is_key_frame"]

    def tell(i: int) -> str:
        return (
            f"sample_data.json: row {table['row'][i]}, field ego_pose_token"
            f" {table['ego_pose_token'][i].decode()!r} names no row of"
            f" ego_pose.json{'' if is_key[i] else '; the sweep is left out'}"
        )

    report.error_rows("dangling-key", np.flatnonzero(missing & is_key), tell)
    report.warn_rows("sweep-without-pose", np.flatnonzero(missing & ~is_key), tell)


def reference_columns(
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
