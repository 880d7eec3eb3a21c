"""The tables of a report as JSON and as CSV."""

import csv
import json
import math
from pathlib import Path

from drivetr.files import atomic_text
from drivetr.visual.report import Report, Table, Value


def write_json(path: str | Path, report: Report) -> None:
    """All tables in one object: `about` and `tables`, each a list of objects; unknown is null."""
    content = {
        "about": [list(line) for line in report.lines],
        "tables": {table.key: _objects(table) for table in report.tables()},
    }
    with atomic_text(path) as file:
        json.dump(content, file, indent=1, allow_nan=False, ensure_ascii=False)
        file.write("\n")


def write_csv(folder: str | Path, report: Report) -> None:
    """Each table as `KEY.csv` in a folder, with a head; unknown is empty."""
    for table in report.tables():
        with atomic_text(Path(folder) / f"{table.key}.csv") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(_names(table))
            writer.writerows([_known(value) for value in row] for row in table.rows)


def _objects(table: Table) -> list[dict[str, Value]]:
    names = _names(table)
    return [dict(zip(names, map(_known, row), strict=True)) for row in table.rows]


def _names(table: Table) -> list[str]:
    """Names of the columns; a second one of a name, such as "change", says what comes before it."""
    names: list[str] = []
    for column in table.columns:
        name = column.name
        names.append(f"{name} of {names[-1]}" if name in names or name == "change" else name)
    return names


def _known(value: Value) -> Value:
    return None if isinstance(value, float) and math.isnan(value) else value
