"""Checks of columns that several tables share: foreign keys, rotations, intrinsics."""

import numpy as np
from numpy.typing import NDArray

from drivetr.data.nuscenes.tables import Columns, KeyTable
from drivetr.data.report import Report

_MAX_NORM_ERROR = 1e-3
_MIN_NORM = 1e-6


def foreign_rows(
    tables: dict[str, Columns],
    name: str,
    field: str,
    target: str,
    report: Report,
    may_be_empty: bool = False,
) -> NDArray[np.int64]:
    """Rows of `target` that a field of table `name` points to; -1 for none.

    A key that names no row is an error; so is an empty one unless `may_be_empty`.
    """
    keys = tables[name][field]
    rows = KeyTable(tables[target]["token"]).rows_of(keys)
    missing = rows < 0
    if may_be_empty:
        missing &= keys != b""
    report.error_rows(
        "dangling-key",
        np.flatnonzero(missing),
        lambda i: (
            f"{name}.json: row {i}, field {field} {keys[i].decode()!r} names no row of"
            f" {target}.json"
        ),
    )
    return rows


def checked_rotations(table: Columns, name: str, report: Report) -> NDArray[np.float64]:
    """Quaternions (w, x, y, z) of a table whose poses are checked, translations too.

    One whose length is off by more than 1e-3 is normalised; the others stay as the table has them.

    Raises:
        DrivetrError: from a strict report, for a length of zero or a value that is not finite.
    """
    norm = np.linalg.norm(table["rotation"], axis=1)
    broken = ~np.isfinite(norm) | (norm < _MIN_NORM)
    report.error_rows(
        "quaternion",
        np.flatnonzero(broken),
        lambda i: (
            f"{name}.json: row {table['row'][i]}, field rotation is"
            f" {table['rotation'][i].tolist()}, expected a unit quaternion w, x, y, z"
        ),
    )
    stretched = ~broken & (np.abs(norm - 1) > _MAX_NORM_ERROR)
    report.warn_rows(
        "quaternion-length",
        np.flatnonzero(stretched),
        lambda i: (
            f"{name}.json: row {table['row'][i]}, field rotation has length {norm[i]:.4f}, expected"
            " 1; it is normalised"
        ),
    )
    if name != "sample_annotation":  # a box without a place is dropped, not refused
        report.error_rows(
            "translation",
            np.flatnonzero(~np.isfinite(table["translation"]).all(axis=1)),
            lambda i: (
                f"{name}.json: row {table['row'][i]}, field translation is"
                f" {table['translation'][i].tolist()}, expected finite metres"
            ),
        )
    unit = table["rotation"].copy()  # as the table has it where the length is right
    unit[stretched] /= norm[stretched, None]
    unit[broken] = (1.0, 0.0, 0.0, 0.0)
    return unit


def checked_intrinsics(table: Columns, is_camera: NDArray[np.bool_], report: Report) -> None:
    """Reports cameras whose matrix is absent, not finite, without focal length or singular."""
    matrices = table["camera_intrinsic"]
    finite = np.isfinite(matrices).all(axis=(1, 2))
    focal = np.where(finite[:, None], matrices[:, [0, 1], [0, 1]], 1.0)
    with np.errstate(invalid="ignore"):
        scale = np.abs(np.where(finite[:, None, None], matrices, 1.0)).max(axis=(1, 2))
        volume = np.abs(np.linalg.det(np.where(finite[:, None, None], matrices, np.eye(3))))
    singular = volume < 1e-12 * np.maximum(scale, 1.0) ** 2
    wrong = is_camera & (~finite | (focal <= 0).any(axis=1) | singular)
    report.error_rows(
        "intrinsics",
        np.flatnonzero(wrong),
        lambda i: (
            f"calibrated_sensor.json: row {i}, field camera_intrinsic is {matrices[i].tolist()},"
            " expected an invertible 3x3 matrix with focal lengths above 0 in pixels"
        ),
    )
