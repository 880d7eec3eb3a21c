"""Examines a whole dataset in one pass: tables, poses, calibrations, splits and files."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from drivetr.data.nuscenes.assemble import Assembled, assemble
from drivetr.data.nuscenes.read import read_tables, table_folder
from drivetr.data.nuscenes.splits import custom_splits
from drivetr.data.nuscenes.tables import Columns, decoded
from drivetr.data.nuscenes.verify_files import verify_files
from drivetr.data.report import Report
from drivetr.errors import DrivetrError
from drivetr.geometry.rigid import rotation_from_quaternion
from drivetr.structures.splits import OFFICIAL_SPLITS

# Steeper than this (30 degrees), an optical axis or an up axis is taken for a mistake.
_MAX_TILT = 0.5


def verify_dataset(dataroot: Path, version: str, files: bool = True) -> Report:
    """Everything that is wrong or odd in a version, nothing of it repaired or written.

    Errors are what training refuses, warnings what it mends or leaves out.

    Args:
        dataroot: folder of the dataset.
        version: such as v1.0-mini.
        files: also decode every image and look for the other files, which takes by far the longest.

    Raises:
        DrivetrError: the dataroot, the version or a table is missing.
    """
    folder = table_folder(dataroot, version)
    report = Report(strict=False)
    try:
        tables = read_tables(folder, report)
    except DrivetrError as error:  # without this table nothing that refers to it can be judged
        report.error("broken-table", str(error))
        return report
    index = assemble(tables, report)
    _check_axes(index, report)
    _check_splits(dataroot, version, tables, report)
    _note_velocities(index.columns, report)
    if files:
        verify_files(dataroot, index.columns, tables["map"], report)
    images = len(index.columns["image_timestamp"])
    report.notes.append(
        f"{version}: {len(tables['scene']['token']):,} scenes,"
        f" {len(tables['sample']['token']):,} samples, {images:,} images of"
        f" {len(index.names['camera_names'] or ()):,} cameras,"
        f" {len(index.columns['box_token']):,} boxes"
    )
    return report


def _check_axes(index: Assembled, report: Report) -> None:
    """Warns where most rotations tilt what stands level on a car: quaternions read in x, y, z, w.

    A single quaternion in the wrong order is a rotation like any other, and a camera that looks
    straight ahead even stays in place; all of them together give themselves away.
    """
    columns = index.columns
    cameras = np.unique(columns["image_calibration"])
    forward, up = np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0])
    for name, what, rotation, axis, is_level in (
        ("calibrated_sensor", "the optical axes of cameras",
         columns["calibration_pose"][cameras, 3:], forward, False),
        ("ego_pose", "the up axes of the car", columns["sample_pose"][:, 3:], up, True),
        ("sample_annotation", "the up axes of boxes", columns["box_rotation"], up, True),
    ):  # fmt: skip
        tilted = _tilted(rotation, axis, is_level)
        if not len(rotation) or tilted.mean() <= 0.5:
            continue
        swapped = _tilted(np.roll(rotation, 1, axis=1), axis, is_level).mean() < tilted.mean()
        hint = "; in the order x, y, z, w fewer would be" if swapped else ""
        report.warn(
            "quaternion-order",
            f"{name}.json: field rotation: {tilted.sum():,} of {len(tilted):,} tilt {what} by more"
            f" than 30 degrees, expected quaternions in the order w, x, y, z{hint}",
        )


def _tilted(
    rotation: NDArray[np.float64], axis: NDArray[np.float64], stands_up: bool
) -> NDArray[np.bool_]:
    matrices = rotation_from_quaternion(torch.from_numpy(np.nan_to_num(rotation, nan=0.5)))
    height = (matrices.numpy() @ axis)[:, 2]
    return height < 1 - _MAX_TILT if stands_up else np.abs(height) > _MAX_TILT


def _check_splits(dataroot: Path, version: str, tables: dict[str, Columns], report: Report) -> None:
    try:
        splits = custom_splits(dataroot, version)
    except DrivetrError as error:
        report.error("splits", str(error))
        return
    scenes = set(decoded(tables["scene"]["name"]))
    for split, names in splits.items():
        if split in OFFICIAL_SPLITS:
            report.warn(
                "splits",
                f"{version}/splits.json: split {split!r} has an official name and is not used",
            )
        for name in names:
            if name not in scenes:
                report.warn(
                    "splits",
                    f"{version}/splits.json: split {split!r} names {name!r}, which is not in"
                    " scene.json",
                )


def _note_velocities(columns: Columns, report: Report) -> None:
    unknown = int(np.isnan(columns["box_velocity"]).any(axis=1).sum())
    if unknown:
        report.notes.append(
            f"{unknown:,} of {len(columns['box_token']):,} boxes have no velocity (annotated once,"
            " or too long ago); the velocity loss passes them over"
        )
