"""The files that a config consists of: whether each can be read, with the line where it cannot."""

import ast
import traceback
from collections.abc import Iterator
from pathlib import Path

from drivetr.errors import DrivetrError


def check_files(file: Path, taken_by: tuple[Path, ...] = ()) -> None:
    """Reads a config and those that it builds on, without running any of them.

    Args:
        file: of the config, which is there.
        taken_by: the configs that build on it, the one that was asked for first.

    Raises:
        DrivetrError: one is no Python, builds on a file that is not there, or on itself.
    """
    for node in _bases(_parsed(file), file):
        where = f"config {file}, line {node.lineno}"
        base = _base_file(file, node)
        if not base.is_file():
            raise DrivetrError(f"{where}: builds on {base}, which does not exist; mend the import")
        circle = [path for path in (*taken_by, file) if path.samefile(base)]
        if circle:
            names = [*(*taken_by, file)[(*taken_by, file).index(circle[0]) :], circle[0]]
            raise DrivetrError(
                f"{where}: builds on itself ({' -> '.join(path.name for path in names)}); take one"
                " of these imports out"
            )
        check_files(base, (*taken_by, file))


def line_of(error: Exception, file: Path) -> str:
    """`, line N` where running a config file came to this error, or nothing where that is unknown.

    The files that it builds on are run on their own and named in full.
    """
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename) == file]
    return f", line {lines[-1]}" if lines else ""


def _parsed(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), str(file))
    except SyntaxError as error:
        raise DrivetrError(f"config {file}, line {error.lineno}: {error.msg}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise DrivetrError(f"config {file} is no Python file: {error}") from error


def _bases(tree: ast.Module, file: Path) -> Iterator[ast.ImportFrom]:
    """The relative imports in `with read_base():`; what else stands there mmengine refuses."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and "_base_" in map(ast.unparse, node.targets):
            raise DrivetrError(
                f"config {file}, line {node.lineno}: `_base_ = ...` is the old way to build on"
                " another config; write `with read_base():` and in it `from .NAME import *`"
            )
        if isinstance(node, ast.With) and ast.unparse(node.items[0]) == "read_base()":
            yield from (
                line for line in node.body
                if isinstance(line, ast.ImportFrom) and line.level and line.module
            )  # fmt: skip


def _base_file(file: Path, node: ast.ImportFrom) -> Path:
    """The file of `from ..folder.name import *`: one dot is the folder of the importing file."""
    folder = file.parent.joinpath(*[".."] * (node.level - 1))
    return folder / f"{str(node.module).replace('.', '/')}.py"
