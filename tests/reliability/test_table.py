"""docs/reliability.md and the tests of this folder name each other."""

import ast
import functools
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TABLE = HERE.parents[1] / "docs/reliability.md"
ROWS = range(1, 79)


@functools.cache
def proofs() -> dict[int, str]:
    """Row number -> its last column.

    Raises:
        AssertionError: a row stands twice.
    """
    found: dict[int, str] = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"\| (\d+) \|", line):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            assert len(cells) == 4, f"four columns, without a | in them: {line}"
            assert int(cells[0]) not in found, f"row {cells[0]} stands twice"
            found[int(match[1])] = cells[3]
    return found


@functools.cache
def rows_of_tests() -> dict[int, list[str]]:
    """Row number -> names of the tests that prove it, wherever in this folder they are defined."""
    found: dict[int, list[str]] = {}
    for path in sorted(HERE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_row_"):
                continue
            match = re.match(r"test_row_(\d\d)_[a-z]", node.name)
            assert match, f"{path}: {node.name} is not of the form test_row_07_what_is_wrong"
            found.setdefault(int(match[1]), []).append(node.name)
    return found


def test_every_row_stands_once_and_in_order():
    assert list(proofs()) == list(ROWS)


def test_no_test_proves_a_row_that_is_not_there():
    assert set(rows_of_tests()) <= set(ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_table_and_tests_agree_on_row(row):
    proof, found = proofs()[row], rows_of_tests().get(row, [])
    if proof.startswith("not here: "):
        assert found == [], "the table does not know the test of this row"
    else:
        assert [f"`{name}`" for name in found] == [proof]
