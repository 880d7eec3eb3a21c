"""What the page of the tour is made of, as HTML and as markdown."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """A paragraph of plain text."""

    words: str


@dataclass(frozen=True)
class Formula:
    """A formula in plain characters, and where it comes from."""

    formula: str
    source: str


@dataclass(frozen=True)
class Picture:
    """A figure of the part, and what one sees in it."""

    name: str
    caption: str


@dataclass(frozen=True)
class Table:
    """Rows of short texts under a head."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Text | Formula | Picture | Table
