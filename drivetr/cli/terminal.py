"""What a terminal may be given: texts of files and datasets carry no commands to it."""

import logging
import re
from typing import Any, TextIO

# Control characters but tab and newline, marks that turn the direction of text, and halves of
# surrogate pairs, which cannot be written.
_COMMANDS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    """The text with what a terminal would obey written as Python's escapes."""
    return _COMMANDS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class PlainStream:
    """A text stream that writes only what is printable."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes what `printable` makes of the text."""
        self._stream.write(printable(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        """Everything else is the stream's own."""
        return getattr(self._stream, name)


class PlainFormatter(logging.Formatter):
    """Warnings of the log, likewise."""

    def format(self, record: logging.LogRecord) -> str:
        """The message of a record."""
        return printable(super().format(record))
