"""All tables of a version as columns, in an order in which each can lean on those before it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from drivetr.data.nuscenes.schema import TABLES
from drivetr.data.nuscenes.tables import Columns, KeyTable, read_table
from drivetr.data.paths import fault_of_filename
from drivetr.data.report import Report
from drivetr.errors import DrivetrError
from drivetr.files import require_local


class TableStore(Protocol):
    """Where finished tables wait, so that a killed build goes on behind them."""

    def load(self, name: str) -> tuple[Columns, str] | None:
        """Columns and digest of a table that was finished before, if it was."""

    def save(self, name: str, columns: Columns, digest: str) -> None:
        """Keeps a finished table."""


def table_folder(dataroot: Path, version: str) -> Path:
    """The folder of a version's tables.

    Raises:
        DrivetrError: the dataroot, the version or one of its tables is missing.
    """
    require_local(dataroot)
    if not dataroot.is_dir():
        raise DrivetrError(
            f"dataroot {dataroot} is not a folder; name the one that holds samples/ and v1.0-…/"
        )
    folder = dataroot / version
    if not version or Path(version).name != version or not folder.is_dir():
        found = sorted(p.parent.name for p in dataroot.glob("*/sample.json"))
        have = ", ".join(found) if found else "none (no folder in it holds a sample.json)"
        raise DrivetrError(
            f"dataroot {dataroot} has no version {version!r}; versions found: {have}"
        )
    missing = [f"{name}.json" for name in TABLES if not (folder / f"{name}.json").is_file()]
    if missing:
        raise DrivetrError(
            f"{folder}: missing {', '.join(missing)}; fetch the metadata of {version} again"
        )
    return folder


def read_tables(
    folder: Path, report: Report, store: TableStore | None = None
) -> dict[str, Columns]:
    """Reads every table, with a progress bar over their bytes.

    Of sample_data only cameras and LIDAR_TOP keyframes are kept, of ego_pose only what these use.
    """
    total = sum((folder / f"{name}.json").stat().st_size for name in TABLES)
    tables: dict[str, Columns] = {}
    with tqdm(total=total, unit="B", unit_scale=True, desc="reading tables") as bar:
        for name in TABLES:
            bar.set_postfix_str(name)
            done = store.load(name) if store else None
            if done is not None:
                tables[name] = done[0]
                bar.update((folder / f"{name}.json").stat().st_size)
                continue
            select = _selector(name, tables, report)
            tables[name], digest = read_table(folder, name, report, bar.update, select)
            if store:
                store.save(name, tables[name], digest)
    return tables


def _selector(
    name: str, tables: dict[str, Columns], report: Report
) -> Callable[[Columns], Columns]:
    if name == "sample_data":
        return _SensorFilter(tables, report)
    if name == "ego_pose":
        return _PoseFilter(tables["sample_data"]["ego_pose_token"])
    return lambda columns: columns


class _SensorFilter:
    """Keeps the images and LIDAR_TOP keyframes of sample_data, and resolves their keys."""

    def __init__(self, tables: dict[str, Columns], report: Report) -> None:
        sensors, calibrations = tables["sensor"], tables["calibrated_sensor"]
        self._samples = KeyTable(tables["sample"]["token"])
        self._calibrations = KeyTable(calibrations["token"])
        # A dangling sensor is reported with the calibrations; here it counts as no camera.
        sensor = KeyTable(sensors["token"]).rows_of(calibrations["sensor_token"])
        self._is_camera = np.append(sensors["modality"] == b"camera", False)[sensor]
        self._is_lidar = np.append(sensors["channel"] == b"LIDAR_TOP", False)[sensor]
        self._report = report

    def __call__(self, columns: Columns) -> Columns:
        """The kept rows of a batch, with `sample` and `calibration` as row numbers."""
        sample = self._resolved(columns, "sample_token", self._samples)
        calibration = self._resolved(columns, "calibrated_sensor_token", self._calibrations)
        columns["sample"] = sample.astype(np.int32)
        columns["calibration"] = calibration.astype(np.int32)
        found = (sample >= 0) & (calibration >= 0)
        camera = np.append(self._is_camera, False)[calibration]
        lidar = np.append(self._is_lidar, False)[calibration] & columns["is_key_frame"]
        columns["is_camera"] = camera
        kept = {key: values[found & (camera | lidar)] for key, values in columns.items()}
        return self._without_unsafe_files(kept)

    def _without_unsafe_files(self, columns: Columns) -> Columns:
        faults = [fault_of_filename(os.fsdecode(name)) for name in columns["filename"]]
        bad = np.array([fault is not None for fault in faults], dtype=bool)
        self._report.error_rows(
            "unsafe-path",
            np.flatnonzero(bad),
            lambda i: (
                f"sample_data.json: row {columns['row'][i]}, field filename"
                f" {os.fsdecode(columns['filename'][i])[:80]!r} {faults[i]}, expected a path inside"
                " the dataroot; the file is not opened"
            ),
        )
        return {key: values[~bad] for key, values in columns.items()}

    def _resolved(self, columns: Columns, field: str, target: KeyTable) -> NDArray[np.int64]:
        """Takes a field of keys out of the columns and gives the rows that they name."""
        keys = columns.pop(field)
        rows = target.rows_of(keys)
        self._report.error_rows(
            "dangling-key",
            np.flatnonzero(rows < 0),
            lambda i: (
                f"sample_data.json: row {columns['row'][i]}, field {field} {keys[i].decode()!r}"
                f" names no row of {field.removesuffix('_token')}.json"
            ),
        )
        return rows


class _PoseFilter:
    """Keeps the ego poses that some kept sample_data row uses."""

    def __init__(self, wanted: np.ndarray) -> None:
        self._wanted = KeyTable(np.unique(wanted))

    def __call__(self, columns: Columns) -> Columns:
        """The kept rows of a batch."""
        keep = self._wanted.rows_of(columns["token"]) >= 0
        return {key: values[keep] for key, values in columns.items()}
