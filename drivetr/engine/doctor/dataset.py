"""Examines a dataset and the index that was made of it."""

import shlex
from collections import Counter
from pathlib import Path

from drivetr.data.coco.annotations import is_coco
from drivetr.data.coco.verify import verify_coco
from drivetr.data.nuscenes.build import rebuild_command
from drivetr.data.nuscenes.index import open_index
from drivetr.data.nuscenes.store import index_folder
from drivetr.data.nuscenes.verify import verify_dataset
from drivetr.data.report import Report
from drivetr.engine.doctor.diagnosis import Diagnosis, Level
from drivetr.errors import DrivetrError


def examine_dataset(dataroot: Path, version: str, images: bool) -> list[Diagnosis]:
    """What `drivetr verify` finds, one diagnosis a kind, and the state of the index.

    Args:
        dataroot: folder of the dataset.
        version: such as v1.0-mini.
        images: also decode every image.
    """
    coco = is_coco(dataroot)
    command = shlex.join(["drivetr", "verify", str(dataroot), "--version", version])
    try:
        report = (verify_coco if coco else verify_dataset)(dataroot, version, images)
    except DrivetrError as error:
        return [
            Diagnosis("dataset", Level.ERROR, str(error), "name another one, or fetch it again")
        ]
    found = _kinds(report, command)
    if not report.errors and not report.warnings:
        told = "; ".join(report.notes)
        found.append(
            Diagnosis("dataset", Level.OK, f"{dataroot} {version}: nothing wrong ({told})")
        )
    if not images:
        told = "the images were not decoded"
        found.append(Diagnosis("dataset", Level.NOTE, told, f"--images, or {command}"))
    return found if coco else [*found, _index_state(dataroot, version)]


def _kinds(report: Report, command: str) -> list[Diagnosis]:
    """One diagnosis for each kind of error and warning, with its first example."""
    parts: list[tuple[Counter[str], Level, str]] = [
        (report.errors, Level.ERROR, "mend the file; training refuses the dataset until then"),
        (report.warnings, Level.WARNING, "nothing has to be done; the rows are mended or left out"),
    ]
    return [
        Diagnosis(
            "dataset", level, f"{count:,} x {kind}: {report.texts[kind][0]}",
            f"{remedy} ({command} lists more)",
        )
        for counts, level, remedy in parts
        for kind, count in counts.items()
    ]  # fmt: skip


def _index_state(dataroot: Path, version: str) -> Diagnosis:
    folder = index_folder(dataroot, version)
    rebuild = rebuild_command(dataroot, version)
    if not (folder / "header.json").exists():
        told = (
            f"there is no index of {dataroot} {version} yet; the first training or test builds it"
        )
        return Diagnosis("index", Level.NOTE, told, f"{rebuild} builds it now")
    try:
        open_index(dataroot, version, build=False).refuse_damage()
    except DrivetrError as error:
        return Diagnosis("index", Level.ERROR, str(error), rebuild)
    return Diagnosis("index", Level.OK, f"{folder} is whole and fits the tables")
