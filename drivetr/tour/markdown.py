"""The tour as a page of the documentation."""

import re
from collections.abc import Sequence

from drivetr.tour.blocks import Block, Formula, Picture, Table, Text
from drivetr.tour.section import PREFACE, TITLE, Section

_HEAD = (
    "*`drivetr tour OUT` draws this page on your machine, with all its pictures; this copy was"
    " written by `drivetr tour OUT --markdown docs/tour.md`. It shows pictures of what drivetr"
    " made up itself only.*"
)


def markdown_page(sections: Sequence[Section], folder: str) -> str:
    """The whole page; pictures lie in `folder` beside it."""
    parts = [f"# {TITLE}", escaped(PREFACE), _HEAD]
    for number, section in enumerate(sections, 1):
        parts.append(f"## {number}. {escaped(section.title)}")
        shown = None if section.foreign else folder
        parts += [_block(block, shown, section.command) for block in section.blocks]
        parts.append(f"`{section.command}` ({escaped(section.cost)})")
    return "\n\n".join(parts) + "\n"


def _block(block: Block, folder: str | None, command: str) -> str:
    match block:
        case Text(words):
            return escaped(words)
        case Formula(formula, source):
            return f"```\n{formula}\n```\n\n*{escaped(source)}*"
        case Picture(name, caption) if folder is not None:
            return f"![{escaped(caption)}]({folder}/{name}.png)\n\n*{escaped(caption)}*"
        case Picture(_, caption):
            return f"> Picture, drawn by `{command}`: {escaped(caption)}"
        case Table(head, rows):
            lines = [head, ("---",) * len(head), *rows]
            return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(text: str) -> str:
    return text if text == "---" else escaped(text)


def escaped(text: str) -> str:
    """The text with markdown's own characters taken literally."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", text)
