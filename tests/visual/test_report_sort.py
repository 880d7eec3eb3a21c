"""Tables of a report are sorted in a real browser, by the mouse and by the keyboard."""

import math
from pathlib import Path
from typing import Any

import pytest

from drivetr.visual.report import Column, Report, Section, Table
from drivetr.visual.report_page import write_report
from tests.browser import Visitor

pytestmark = pytest.mark.slow  # a browser starts

ROWS = (
    ("20-30 m", 1234, 0.25, "b"),
    ("0-10 m", 7, math.nan, "<i>"),
    ("100 m and more", 88, -0.5, "a"),
    ("10-20 m", None, 0.125, "c"),
)
AS_WRITTEN = [row[0] for row in ROWS]


@pytest.fixture
def page(visitor: Visitor, tmp_path: Path) -> Any:
    columns = (Column("slice"), Column("objects"), Column("change", 3, 1), Column("words"))
    tables = (Table("many", columns, ROWS), Table("one", columns, ROWS[:1]))
    write_report(tmp_path / "r.html", Report("R", (), (Section("s", "S", tables),)))
    yield visitor.visit(tmp_path / "r.html")
    assert visitor.complaints == []


def first_column(page: Any) -> list[str]:
    names: list[str] = page.locator("table").first.locator("tbody td:first-child").all_inner_texts()
    return names


@pytest.mark.parametrize(
    ("column", "first", "second"),
    [
        ("objects", [0, 2, 1, 3], [1, 2, 0, 3]),
        ("change", [0, 3, 2, 1], [2, 3, 0, 1]),
        ("slice", [1, 3, 0, 2], [2, 0, 3, 1]),
        ("words", [1, 2, 0, 3], [3, 0, 2, 1]),
    ],
)
def test_clicks_sort_there_and_back(
    page: Any, column: str, first: list[int], second: list[int]
) -> None:
    button = page.get_by_role("button", name=column).first
    for order in (first, second):
        button.click()
        assert first_column(page) == [AS_WRITTEN[row] for row in order]
    button.click()
    assert first_column(page) == AS_WRITTEN
    assert page.locator("th[aria-sort]").count() == 0


def test_the_keyboard_sorts_too(page: Any) -> None:
    for _ in range(3):  # the contents' link, slice, objects
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert first_column(page)[0] == "20-30 m"
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("objects")
    page.keyboard.press("Space")
    assert first_column(page)[0] == "0-10 m"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    assert page.locator("th[aria-sort]").inner_text().startswith("slice")


def test_a_single_row_has_nothing_to_sort(page: Any) -> None:
    assert page.locator("table").nth(1).locator("button").count() == 0
