"""What a report is made of: tables of plain numbers, charts, pictures, and words between them."""

from collections.abc import Sequence
from dataclasses import dataclass

Value = str | int | float | None


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: its head.
        digits: decimals of numbers on the page; files have all.
        better: for differences, which are shown with their sign: 1 where more is better, -1 where
            less is, and 0 for other numbers.
    """

    name: str
    digits: int = 3
    better: int = 0


@dataclass(frozen=True)
class Table:
    """Rows of values under columns.

    Attributes:
        key: name of the file and of the entry in JSON.
        columns: as many as a row has values.
        rows: a text first in each; None and NaN are unknown.
        note: how to read it.
    """

    key: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Heat:
    """A table whose numbers are tinted, such as a confusion matrix.

    Attributes:
        table: what is shown.
        shares: how strongly each number is tinted, 0..1; one row a row, without the first column.
        right: row and column (without the first) of the cells that are as they should be.
    """

    table: Table
    shares: tuple[tuple[float, ...], ...]
    right: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        name: for the legend.
        xs: positions.
        ys: values.
        style: number of a style of the page: 0 the first submission, 1 the second, 2 background.
        dot: a marked point of it.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    style: int
    dot: tuple[float, float] | None = None


@dataclass(frozen=True)
class LineChart:
    """Lines over axes that start at 0.

    Attributes:
        title: above it.
        x: name of the axis.
        y: name of the axis.
        lines: to draw, the last on top.
        x_end: where the axis ends.
        y_end: where the axis ends.
    """

    title: str
    x: str
    y: str
    lines: tuple[Line, ...]
    x_end: float = 1.0
    y_end: float = 1.0


@dataclass(frozen=True)
class BarChart:
    """Horizontal bars of shares 0..1, one group a name.

    Attributes:
        title: above it.
        names: of the groups.
        series: name and one share a group, NaN for none.
    """

    title: str
    names: tuple[str, ...]
    series: tuple[tuple[str, tuple[float, ...]], ...]


@dataclass(frozen=True)
class Picture:
    """A picture with words and a way to look closer.

    Attributes:
        jpeg: the encoded picture; None where it could not be read.
        size: height and width in pixels.
        title: what it shows.
        words: about it.
        link: address that opens it; '' for none.
        command: what to type instead; '' for nothing.
    """

    jpeg: bytes | None
    size: tuple[int, int]
    title: str
    words: str
    link: str = ""
    command: str = ""


@dataclass(frozen=True)
class Charts:
    """Charts side by side under one legend.

    Attributes:
        charts: of one kind.
        legend: name and style of the lines or bars.
        note: how to read them.
    """

    charts: tuple[LineChart | BarChart, ...]
    legend: tuple[tuple[str, int], ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Gallery:
    """Pictures side by side."""

    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Words:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Figures:
    """Large numbers side by side: name, value, and what stands below it."""

    figures: tuple[tuple[str, str, str], ...]


Block = Table | Heat | Charts | Gallery | Words | Figures


@dataclass(frozen=True)
class Section:
    """A part of a report with a heading.

    Attributes:
        key: its name in addresses.
        title: heading.
        blocks: what follows.
        level: 2 for a part that the contents list, 3 for one below it.
    """

    key: str
    title: str
    blocks: tuple[Block, ...]
    level: int = 2


@dataclass(frozen=True)
class Report:
    """A whole report.

    Attributes:
        title: heading of all.
        lines: name and value of what was looked at.
        sections: in order.
        only_in_files: tables that are too long for the page.
    """

    title: str
    lines: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    only_in_files: tuple[Table, ...] = ()

    def tables(self) -> list[Table]:
        """All tables in their order."""
        blocks = [block for section in self.sections for block in section.blocks]
        tables = [block.table if isinstance(block, Heat) else block for block in blocks]
        return [*(table for table in tables if isinstance(table, Table)), *self.only_in_files]
