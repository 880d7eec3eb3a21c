"""The data of a part on disk, from which its figures and the page are drawn."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from drivetr import __version__
from drivetr.errors import DrivetrError
from drivetr.files import atomic_text
from drivetr.tour.part import Data

FORMAT = 1


@dataclass(frozen=True)
class Record:
    """One part as it was computed.

    Attributes:
        part: its name.
        seed: of the run.
        share: of the usual training steps that the run took.
        cpu_seconds: of the process while it computed.
        versions: of drivetr and torch.
        data: what the figures show.
        format: of this file.
    """

    part: str
    seed: int
    share: float
    cpu_seconds: float
    versions: dict[str, str]
    data: Data
    format: int = FORMAT


def record_path(out: Path, name: str) -> Path:
    """Where the data of a part lies."""
    return out / "data" / f"{name}.json"


def write_record(out: Path, record: Record) -> None:
    """Writes the data of a part; the file appears whole or not at all."""
    with atomic_text(record_path(out, record.part)) as file:
        json.dump(asdict(record), file, allow_nan=False, separators=(",", ":"))


def read_record(out: Path, name: str) -> Record | None:
    """The data of a part, None where it was never computed.

    Raises:
        DrivetrError: the file is damaged or was written by another drivetr.
    """
    path = record_path(out, name)
    if not path.exists():
        return None
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        record = Record(**content)
    except (ValueError, TypeError) as error:
        raise DrivetrError(
            f"{path} is damaged ({error}); run drivetr tour {out} --only {name} again"
        ) from error
    found = (record.part, record.format, record.versions.get("drivetr"))
    if found != (name, FORMAT, __version__):
        raise DrivetrError(
            f"{path} is of part, format and drivetr {found}, expected"
            f" {(name, FORMAT, __version__)}; run drivetr tour {out} --only {name} again"
        )
    return record
