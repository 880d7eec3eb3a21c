"""From a table's rows to numpy columns, checked field by field."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drivetr.data.nuscenes.json_rows import JsonRows
from drivetr.data.nuscenes.schema import KIND_RULES, NO_INTRINSIC, TABLES, Kind
from drivetr.data.report import Report

Columns = dict[str, NDArray]

_BATCH_ROWS = 8192
_ABSENT = object()


class KeyTable:
    """The tokens of a table, ready to turn foreign keys into row numbers."""

    def __init__(self, tokens: NDArray[np.bytes_]) -> None:
        """Sorts the tokens once."""
        self._order = np.argsort(tokens, kind="stable")
        self._sorted = tokens[self._order]

    def rows_of(self, keys: NDArray[np.bytes_]) -> NDArray[np.int64]:
        """Row of each key, -1 where the table has no such token."""
        if not len(self._sorted):
            return np.full(len(keys), -1, np.int64)
        place = np.searchsorted(self._sorted, keys).clip(max=len(self._sorted) - 1)
        return np.where(self._sorted[place] == keys, self._order[place], -1)

    def duplicates(self) -> list[tuple[int, int]]:
        """Pairs of neighbouring rows that carry the same token."""
        same = np.flatnonzero(self._sorted[1:] == self._sorted[:-1])
        return [(int(self._order[i]), int(self._order[i + 1])) for i in same]


def texts(values: list[str]) -> NDArray[np.bytes_]:
    """A column of UTF-8 texts, as wide as the longest."""
    return np.array([value.encode() for value in values], dtype=np.bytes_)


def read_table(
    folder: Path,
    name: str,
    report: Report,
    on_bytes: Callable[[int], object],
    select: Callable[[Columns], Columns] = lambda columns: columns,
) -> tuple[Columns, str]:
    """Streams one table into columns.

    Args:
        folder: folder of the version, with the tables.
        name: table without ".json".
        report: where faults of fields and duplicate tokens go.
        on_bytes: told the bytes of each read.
        select: turns the columns of a batch of rows into those worth keeping, maybe of fewer rows.

    Returns:
        The columns, with the row numbers of the table in "row", and the digest of the file.
    """
    rows = JsonRows(folder / f"{name}.json", on_bytes)
    parts: list[Columns] = []
    tokens: list[NDArray[np.bytes_]] = []
    first = 0
    iterator = iter(rows)
    while batch := list(islice(iterator, _BATCH_ROWS)):
        columns = _batch_columns(name, batch, first, report)
        columns["row"] = np.arange(first, first + len(batch), dtype=np.int64)
        tokens.append(columns["token"])
        parts.append(select(columns))
        first += len(batch)
    if not parts:
        empty = _batch_columns(name, [], 0, report)
        parts.append(select(empty | {"row": np.zeros(0, np.int64)}))
        tokens.append(empty["token"])
    _report_duplicates(name, np.concatenate(tokens), report)
    # The parts of each column are let go as soon as they are joined.
    joined = {key: np.concatenate([part.pop(key) for part in parts]) for key in list(parts[0])}
    return joined, rows.digest


def _report_duplicates(name: str, tokens: NDArray[np.bytes_], report: Report) -> None:
    for first, second in KeyTable(tokens).duplicates():
        report.error(
            "duplicate-token",
            f"{name}.json: field token {tokens[first].decode()!r} stands in row {first} and in row"
            f" {second}, expected once; remove one of the rows",
        )


def _batch_columns(name: str, rows: list[object], first: int, report: Report) -> Columns:
    objects = list(_objects(name, rows, first, report))
    return {
        field: _column(kind, _checked(name, field, kind, objects, first, report))
        for field, kind in TABLES[name].items()
    }


def _objects(name: str, rows: list[object], first: int, report: Report) -> Iterator[dict]:
    for number, row in enumerate(rows, first):
        if isinstance(row, dict):
            yield row
        else:
            report.error(
                "wrong-type",
                f"{name}.json: row {number} is {str(row)[:40]!r}, expected a JSON object",
            )
            yield {}


def _checked(
    name: str, field: str, kind: Kind, rows: list[dict], first: int, report: Report
) -> list:
    """The values of a field; bad ones are reported and replaced by a harmless stand-in."""
    is_good, expected, stand_in = KIND_RULES[kind]
    values = [row.get(field, _ABSENT) for row in rows]
    for offset, value in enumerate(values):
        if not is_good(value):
            found = "is missing" if value is _ABSENT else f"is {str(value)[:60]!r}"
            report.error(
                "wrong-type",
                f"{name}.json: row {first + offset}, field {field} {found}, expected {expected}",
            )
            values[offset] = stand_in
    return values


def _column(kind: Kind, values: list) -> NDArray:
    match kind:
        case Kind.TEXT:
            return texts(values)
        case Kind.TEXTS:  # joined by a NUL, which no text contains
            return texts(["\0".join([*value, "."]) for value in values])
        case Kind.INTEGER:
            return np.array(values, dtype=np.int64)
        case Kind.FLAG:
            return np.array(values, dtype=bool)
        case Kind.VECTOR3:
            return np.array(values, dtype=np.float64).reshape(-1, 3)
        case Kind.QUATERNION:
            return np.array(values, dtype=np.float64).reshape(-1, 4)
        case Kind.INTRINSIC:
            filled = [value or NO_INTRINSIC for value in values]
            return np.array(filled, dtype=np.float64).reshape(-1, 3, 3)


def decoded(column: NDArray[np.bytes_]) -> list[str]:
    """The texts of a column."""
    return [value.decode() for value in column]


def split_texts(joined: bytes) -> list[str]:
    """The texts of one entry of a column of text lists."""
    return joined.decode().split("\0")[:-1]
