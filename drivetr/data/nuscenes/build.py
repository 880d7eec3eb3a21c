"""Builds the index of a nuScenes version from its tables."""

import logging
import shlex
from pathlib import Path

from drivetr.data.nuscenes.assemble import assemble
from drivetr.data.nuscenes.read import read_tables, table_folder
from drivetr.data.nuscenes.schema import SCHEMA_VERSION
from drivetr.data.nuscenes.store import (
    PartialTables,
    build_lock,
    index_folder,
    publish,
    read_header,
    stamp_name,
    stamps_of,
)
from drivetr.data.report import Report
from drivetr.errors import DrivetrError

logger = logging.getLogger(__name__)


def rebuild_command(dataroot: Path, version: str, out_dir: Path | None = None) -> str:
    """The command line that builds the index."""
    words = ["drivetr", "index", str(dataroot), "--version", version]
    return shlex.join(words + (["--out-dir", str(out_dir)] if out_dir is not None else []))


def verify_command(dataroot: Path, version: str) -> str:
    """The command line that tells everything that is wrong with a dataset."""
    return shlex.join(["drivetr", "verify", str(dataroot), "--version", version])


def ensure_index(
    dataroot: Path,
    version: str,
    out_dir: Path | None = None,
    build: bool = True,
    replace: bool = False,
) -> tuple[Path, dict]:
    """Folder and header of a whole and fresh index.

    Args:
        dataroot: folder of the dataset; nothing is written into it.
        version: such as v1.0-mini.
        out_dir: cache to use instead of $DRIVETR_CACHE and the user's cache folder.
        build: build the index where there is none.
        replace: build it anew where it is stale, damaged or of another schema.

    Raises:
        DrivetrError: the tables are wrong, or the index is and `replace` is False.
    """
    tables = table_folder(dataroot, version)
    folder = index_folder(dataroot, version, out_dir)
    command = rebuild_command(dataroot, version, out_dir)
    found = _existing_header(folder, tables, command, replace)
    if found is None and not build:
        raise DrivetrError(f"{folder} holds no index of {dataroot} {version}; build it: {command}")
    if found is None:
        with build_lock(folder):
            # Another process may have built it while this one waited for the lock.
            if _existing_header(folder, tables, command, replace) is None:
                _build(folder, tables, verify_command(dataroot, version))
            found = read_header(folder, tables, command)
    return folder, found


def _existing_header(folder: Path, tables: Path, command: str, replace: bool) -> dict | None:
    if not (folder / "header.json").exists():
        return None
    try:
        return read_header(folder, tables, command)
    except DrivetrError:
        if not replace:
            raise
        return None


def _build(folder: Path, tables: Path, verify: str) -> None:
    stamps = stamps_of(tables)
    store = PartialTables(folder / f"tables-{stamp_name(stamps)}.partial")
    for old in folder.glob("tables-*.partial"):
        if old != store.folder:
            PartialTables(old).remove()
    report = Report(strict=True)
    try:
        index = assemble(read_tables(tables, report, store), report)
    except DrivetrError as error:
        raise DrivetrError(
            f"{error}; `{verify}` lists all that is wrong with the tables in {tables}: mend them or"
            " fetch them again"
        ) from error
    if stamps_of(tables) != stamps:
        raise DrivetrError(f"{tables}: the tables changed while they were read; start again")
    for line in report.lines():
        logger.warning(line)
    header = {
        "schema": SCHEMA_VERSION,
        "stamps": stamps,
        "digests": store.digests,
        "warnings": dict(report.warnings),
        **index.names,
    }
    publish(folder, index.columns, header)
    store.remove()
