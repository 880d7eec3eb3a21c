"""The index on disk: where it lies, how it is written, how a stale one is told.

A folder per dataroot and version holds `header.json` and one folder of .npy columns, which the
header names. Columns are written beside, the folder is renamed, and then the header is replaced in
one step: a reader finds the old index or the new one. While a build runs, finished tables wait in
`tables-<stamp>.partial`, from which a killed build goes on.

The index is fresh while every table has the size and modification time (ns) that it had when it
was read. A table of the same size with another time is hashed: a copy with the same bytes is
accepted and its time noted, anything else is stale. An edit that keeps both the size and the time
is not seen.

The header carries a digest of itself and the checksums of the columns. The former is compared
whenever an index is opened. The latter would cost reading all of it: they are compared by `drivetr
doctor`, and when something in a column turns out to be impossible.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_dir

from drivetr.data.nuscenes.schema import SCHEMA_VERSION, TABLES
from drivetr.data.nuscenes.tables import Columns
from drivetr.errors import DrivetrError
from drivetr.files import atomic_path

_DAMAGED = "the index is damaged; rebuild it with drivetr index"
Stamps = dict[str, list[int]]


def index_folder(dataroot: Path, version: str, out_dir: Path | None = None) -> Path:
    """Where the index of a version of a dataroot lies.

    Below `out_dir`, else $DRIVETR_CACHE, else the user's cache folder, always in `index`.
    """
    cache = out_dir or os.environ.get("DRIVETR_CACHE") or user_cache_dir("drivetr")
    name = f"{dataroot.resolve()}\0{version}".encode("utf-8", "surrogateescape")
    return Path(cache) / "index" / f"{version}-{hashlib.blake2b(name, digest_size=8).hexdigest()}"


def stamps_of(folder: Path) -> Stamps:
    """Size and modification time in nanoseconds of every table."""
    stats = {name: (folder / f"{name}.json").stat() for name in TABLES}
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()}


def digest_of(path: Path) -> str:
    """BLAKE2b of a file's content, as `JsonRows` computes it while reading."""
    with path.open("rb") as file:
        digest = hashlib.blake2b(digest_size=16)
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def stamp_name(stamps: Stamps) -> str:
    """Short name of a state of the tables under this schema."""
    text = json.dumps([SCHEMA_VERSION, stamps], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


class PartialTables:
    """Finished tables of a build that has not ended, one .npz each."""

    def __init__(self, folder: Path) -> None:
        """Uses `folder`, which is made at the first table."""
        self.folder = folder
        self.digests: dict[str, str] = {}

    def load(self, name: str) -> tuple[Columns, str] | None:
        """Columns and digest of a table that was finished before, if it was."""
        path = self.folder / f"{name}.npz"
        if not path.exists():
            return None
        with np.load(path, allow_pickle=False) as file:
            columns = {key: file[key] for key in file.files}
        self.digests[name] = str(columns.pop("digest"))
        return columns, self.digests[name]

    def save(self, name: str, columns: Columns, digest: str) -> None:
        """Keeps a finished table."""
        with atomic_path(self.folder / f"{name}.npz") as temporary:
            np.savez(temporary, digest=np.array(digest), **columns)
        self.digests[name] = digest

    def remove(self) -> None:
        """Deletes what was kept."""
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def build_lock(folder: Path) -> Iterator[None]:
    """Keeps a second process from building the same index; it waits until the first is done.

    Raises:
        DrivetrError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("a")
    except OSError as error:
        raise DrivetrError(
            f"{folder}: the index cannot be written there ({error.strerror}); set DRIVETR_CACHE,"
            " or --out-dir of drivetr index, to a folder that can"
        ) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_json(path: Path, content: dict) -> None:
    """Writes a JSON file in one step: readers see the old content or the new.

    The temporary name is nobody else's: readers note new times without holding the lock.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def publish(folder: Path, columns: Columns, header: dict) -> None:
    """Writes the columns, then the header that names them, and removes what came before."""
    name = f"columns-{stamp_name(header['stamps'])}"
    temporary = Path(tempfile.mkdtemp(dir=folder, prefix=f".{name}."))
    for key, values in columns.items():
        with (temporary / f"{key}.npy").open("wb") as file:
            np.save(file, values, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
    sizes = {key: (temporary / f"{key}.npy").stat().st_size for key in columns}
    shutil.rmtree(folder / name, ignore_errors=True)
    temporary.chmod(0o755)
    temporary.rename(folder / name)
    sums = {key: _checksum(folder / name / f"{key}.npy") for key in columns}
    whole = header | {"columns": name, "sizes": sizes, "checksums": sums}
    write_json(folder / "header.json", _sealed(whole))
    for old in [*folder.glob("columns-*"), *folder.glob(".columns-*")]:
        if old.name != name:
            shutil.rmtree(old, ignore_errors=True)


def _sealed(header: dict) -> dict:
    """The header with a digest of everything else in it."""
    content = {key: value for key, value in header.items() if key != "seal"}
    text = json.dumps(content, sort_keys=True)
    return content | {"seal": hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}


def _checksum(path: Path) -> int:
    """CRC-32 of a file, which tells damage, not malice."""
    total = 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            total = zlib.crc32(chunk, total)
    return total


def read_header(folder: Path, tables: Path, rebuild: str) -> dict:
    """The header of a whole and fresh index.

    Args:
        folder: of the index.
        tables: folder of the version in the dataroot.
        rebuild: the command that builds the index anew, for the error.

    Raises:
        DrivetrError: the index is of another schema, damaged, or older than the tables.
    """
    path = folder / "header.json"
    try:
        header = json.loads(path.read_bytes())
        schema = header["schema"]
    except (ValueError, KeyError, TypeError, OSError, RecursionError) as error:
        raise DrivetrError(f"{path}: the index is damaged; rebuild it: {rebuild}") from error
    if schema != SCHEMA_VERSION:
        raise DrivetrError(
            f"{path}: the index has schema {schema}, this drivetr needs {SCHEMA_VERSION}; rebuild"
            f" it: {rebuild}"
        )
    if header != _sealed(header):
        raise DrivetrError(f"{path}: the index is damaged; rebuild it: {rebuild}")
    _refuse_changed(header, tables, path, rebuild)
    for key, size in header["sizes"].items():
        column = folder / header["columns"] / f"{key}.npy"
        if not column.is_file() or column.stat().st_size != size:
            raise DrivetrError(f"{column}: the index is damaged; rebuild it: {rebuild}")
    return header


def _refuse_changed(header: dict, tables: Path, path: Path, rebuild: str) -> None:
    stamps = stamps_of(tables)
    changed = [name for name in TABLES if stamps[name] != header["stamps"][name]]
    for name in changed:
        same_size = stamps[name][0] == header["stamps"][name][0]
        if not same_size or digest_of(tables / f"{name}.json") != header["digests"][name]:
            raise DrivetrError(
                f"{tables / name}.json has changed since its index {path.parent} was built; rebuild"
                f" it: {rebuild}"
            )
    if changed:
        try:
            write_json(path, _sealed(header | {"stamps": stamps}))
        except OSError:
            return  # a read-only cache is hashed again next time


class MappedColumns:
    """Columns of an index, each mapped into memory when it is first asked for."""

    def __init__(self, folder: Path, checksums: dict[str, int]) -> None:
        """Names the folder of .npy files, and what their checksums were when they were written."""
        self._folder = folder
        self._checksums = checksums
        self._open: dict[str, NDArray] = {}

    def __getitem__(self, key: str) -> NDArray:
        """The column, read-only.

        Raises:
            DrivetrError: the index was built anew meanwhile, which removes the old columns.
        """
        if key not in self._open:
            path = self._folder / f"{key}.npy"
            try:
                self._open[key] = np.load(path, mmap_mode="r", allow_pickle=False)
            except FileNotFoundError as error:
                raise DrivetrError(f"{path} is gone: the index was rebuilt; start again") from error
            except Exception as error:  # of many kinds, for a damaged header
                raise DrivetrError(f"{path}: {_DAMAGED}") from error
        return self._open[key]

    def __getstate__(self) -> dict:
        """Travels to another process as the folder's name; the maps are opened there anew."""
        return {**self.__dict__, "_open": {}}

    def refuse_damage(self) -> None:
        """Compares the columns with their checksums, which reads all of them.

        Raises:
            DrivetrError: one of them is not what was written.
        """
        for key, expected in self._checksums.items():
            path = self._folder / f"{key}.npy"
            if _checksum(path) != expected:
                raise DrivetrError(f"{path}: {_DAMAGED}")
