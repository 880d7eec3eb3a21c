"""A dataset's folder that appears whole or not at all, and knows what it was made from."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from drivetr.errors import DrivetrError

RECIPE_FILE = "synth.json"
_PARTIAL = ".partial"  # a set that is being written, or was when its process ended
_MARKER = ".drivetr-synth"  # in it: drivetr may delete the folder


def holds(out: Path, recipe: dict[str, Any]) -> bool:
    """Whether `out` is a finished set of just this recipe; False where it is absent or empty.

    Raises:
        DrivetrError: `out` is a file or holds something else.
    """
    if not out.exists():
        return False
    if not out.is_dir():
        raise DrivetrError(f"{out} is a file, expected a folder to create; name another OUT.")
    if not any(out.iterdir()):
        return False
    note = out / RECIPE_FILE
    if note.is_file() and note.read_text(encoding="utf-8") == _text(recipe):
        return True
    found = "a synthetic set of another recipe" if note.is_file() else next(out.iterdir()).name
    raise DrivetrError(f"{out} is not empty, it holds {found}; remove it or name another OUT.")


@contextmanager
def whole_folder(out: Path, recipe: dict[str, Any]) -> Iterator[Path]:
    """Yields a folder beside `out` that takes its name when the block ends well.

    What a broken run left there is removed first; the recipe is noted down at the end.

    Raises:
        DrivetrError: something that is not drivetr's is in the way.
    """
    partial = out.with_name(out.name + _PARTIAL)
    if partial.exists() and not (partial / _MARKER).exists():
        raise DrivetrError(f"{partial} is in the way and not drivetr's; remove it or rename OUT.")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    (partial / _MARKER).touch()
    yield partial
    (partial / RECIPE_FILE).write_text(_text(recipe), encoding="utf-8")
    (partial / _MARKER).unlink()
    if out.exists():
        out.rmdir()
    os.replace(partial, out)


def _text(recipe: dict[str, Any]) -> str:
    return json.dumps(recipe, separators=(",", ":"))
