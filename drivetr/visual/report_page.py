"""A report as one file that shows it without a network or a second file; a script sorts tables."""

import base64
import hashlib
import math
from collections.abc import Sequence
from html import escape
from importlib import resources
from pathlib import Path

from drivetr.files import atomic_text
from drivetr.visual.report import (
    BarChart,
    Block,
    Charts,
    Column,
    Figures,
    Gallery,
    Heat,
    Picture,
    Report,
    Section,
    Table,
    Value,
    Words,
)
from drivetr.visual.report_style import STYLE
from drivetr.visual.svg_chart import bar_chart, line_chart

_TINTS = 7  # steps of a tint that the style knows
UNKNOWN = "–"
_LONG = 40  # characters from which a cell wraps
_WORDS = ' class="words"'


def write_report(path: str | Path, report: Report) -> None:
    """Writes a report as HTML, whole or not at all.

    Raises:
        DrivetrError: the file cannot be written there.
    """
    with atomic_text(path) as file:
        file.write(report_page(report))


def report_page(report: Report) -> str:
    """The page of a report. Every word of it is escaped, and its policy allows nothing foreign."""
    script = (resources.files("drivetr.visual") / "report_sort.js").read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(STYLE)}';"
        f" script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
    )
    contents = "\n".join(
        f'<a href="#{escape(section.key)}">{escape(section.title)}</a>'
        for section in report.sections
        if section.level == 2
    )
    about = "".join(f"<dt>{escape(n)}</dt><dd>{escape(v)}</dd>" for n, v in report.lines)
    body = "\n".join(_section(section) for section in report.sections)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="referrer" content="no-referrer">
<title>{escape(report.title)}</title>
<style>{STYLE}</style>
</head>
<body>
<header><h1>{escape(report.title)}</h1><dl>{about}</dl></header>
<nav>{contents}</nav>
<main>
{body}
</main>
<script type="module">{script}</script>
</body>
</html>
"""


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _section(section: Section) -> str:
    """A part; bars before tables stand beside them where there is room."""
    head = f"<h{section.level}>{escape(section.title)}</h{section.level}>"
    blocks, parts = list(section.blocks), []
    while blocks:
        block = blocks.pop(0)
        if _is_bars(block):
            beside = ""
            while blocks and isinstance(blocks[0], Table):
                beside += _block(blocks.pop(0))
            parts.append(f'<div class="pair"><div>{_block(block)}</div><div>{beside}</div></div>')
        else:
            parts.append(_block(block))
    return f'<section id="{escape(section.key)}">{head}{"".join(parts)}</section>'


def _is_bars(block: Block) -> bool:
    return isinstance(block, Charts) and any(isinstance(c, BarChart) for c in block.charts)


def _block(block: Block) -> str:
    match block:
        case Table():
            return _table(block)
        case Heat():
            return _heat(block)
        case Charts():
            return _charts(block)
        case Gallery(pictures):
            return f'<div class="gallery">{"".join(_picture(p) for p in pictures)}</div>'
        case Words(text):
            return f"<p>{escape(text)}</p>"
        case Figures(figures):
            return _figures(figures)


def _figures(figures: Sequence[tuple[str, str, str]]) -> str:
    cells = "".join(
        f'<div class="figure"><span>{escape(name)}</span><b>{escape(value)}</b>'
        f"<span>{escape(below)}</span></div>"
        for name, value, below in figures
    )
    return f'<div class="figures">{cells}</div>'


def _table(table: Table) -> str:
    """A table whose columns sort it where there is something to sort."""
    rows = "".join(
        f"<tr><td>{escape(value_text(row[0], table.columns[0]))}</td>"
        + "".join(map(_cell, row[1:], table.columns[1:]))
        + "</tr>"
        for row in table.rows
    )
    sortable = len(table.rows) > 1
    style = ' class="sortable"' if sortable else ""
    body = f"{_head(table, sortable)}<tbody>{rows}</tbody>"
    return f'<div class="wide"><table{style}>{body}</table></div>{_note(table.note)}'


def _heat(heat: Heat) -> str:
    rows = []
    for r, row in enumerate(heat.table.rows):
        cells = [f"<td>{escape(str(row[0]))}</td>"]
        for c, value in enumerate(row[1:]):
            step = math.ceil(heat.shares[r][c] * _TINTS)
            kind = "r" if (r, c) in heat.right else "w"
            tint = f' class="{kind}{step}"' if step else ""
            cells.append(f"<td{tint}>{escape(value_text(value, heat.table.columns[c + 1]))}</td>")
        rows.append("<tr>" + "".join(cells) + "</tr>")
    body = f"{_head(heat.table)}<tbody>{''.join(rows)}</tbody>"
    return f'<div class="wide"><table class="heat">{body}</table></div>{_note(heat.table.note)}'


def _head(table: Table, sortable: bool = False) -> str:
    first = table.rows[0] if table.rows else ("",) * len(table.columns)
    cells = ""
    for column, value in zip(table.columns, first, strict=True):
        name = escape(column.name)
        name = f'<button type="button">{name}</button>' if sortable else name
        cells += f"<th{_WORDS if isinstance(value, str) else ''}>{name}</th>"
    return f"<thead><tr>{cells}</tr></thead>"


def _note(words: str) -> str:
    return f'<p class="note">{escape(words)}</p>' if words else ""


def _cell(value: Value, column: Column) -> str:
    style = ("long" if len(value) > _LONG else "words") if isinstance(value, str) else ""
    if column.better and isinstance(value, int | float) and value and not math.isnan(value):
        style = "good" if value * column.better > 0 else "bad"
    text = escape(value_text(value, column))
    return f'<td class="{style}">{text}</td>' if style else f"<td>{text}</td>"


def value_text(value: Value, column: Column) -> str:
    """A value as the page shows it."""
    if value is None or isinstance(value, float) and math.isnan(value):
        return UNKNOWN
    if isinstance(value, str):
        return value
    sign = "+" if column.better else ""
    if isinstance(value, int):
        return f"{value:{sign},d}" if value else "0"
    text = f"{value:{sign}.{column.digits}f}"
    return text if float(text) else f"{0:.{column.digits}f}"


def _charts(charts: Charts) -> str:
    bars = any(isinstance(chart, BarChart) for chart in charts.charts)
    drawn = "".join(
        bar_chart(chart) if isinstance(chart, BarChart) else line_chart(chart)
        for chart in charts.charts
    )
    legend = "".join(
        f'<li><i class="s{style}"></i>{escape(name)}</li>' for name, style in charts.legend
    )
    return (
        (f'<ul class="legend">{legend}</ul>' if legend else "")
        + f'<div class="charts{" bars" if bars else ""}">{drawn}</div>'
        + _note(charts.note)
    )


def _picture(picture: Picture) -> str:
    title = escape(picture.title)
    if picture.jpeg is None:
        image = '<div class="blank">no image</div>'
    else:
        data = base64.b64encode(picture.jpeg).decode()
        height, width = picture.size
        image = (
            f'<img src="data:image/jpeg;base64,{data}" width="{width}" height="{height}"'
            f' alt="{title}">'
        )
    if picture.link:
        image = f'<a href="{escape(picture.link)}">{image}</a>'
        title = f'<a href="{escape(picture.link)}">{title}</a>'
    command = (
        f"<details><summary>open in the replay</summary><code>{escape(picture.command)}</code>"
        "</details>"
        if picture.command
        else ""
    )
    caption = f"<b>{title}</b>{escape(picture.words)}{command}"
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"
