"""Results that are written part by part, as a test goes on, and never half."""

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TextIO, TypeVar

from drivetr.files import atomic_text

_Writer = TypeVar("_Writer", bound="StreamedText")


class StreamedText:
    """A text file that gets its name when the `with` block ends well; else none is left behind.

    Args:
        path: of the file; its folder is made where absent.
        head: what it begins with.
        separator: between two parts.
        tail: what it ends with.
    """

    def __init__(self, path: str | Path, head: str, separator: str, tail: str) -> None:
        self.path = Path(path)
        self._head, self._separator, self._tail = head, separator, tail
        self._before_next = ""
        self._stack = ExitStack()
        self._file: TextIO | None = None

    def __enter__(self: _Writer) -> _Writer:
        """Starts without any part."""
        self._file = self._stack.enter_context(atomic_text(self.path))
        self._file.write(self._head)
        self._before_next = ""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends the file, or leaves none behind."""
        if self._file is not None and kind is None:
            self._file.write(self._tail)
        self._file = None
        self._stack.__exit__(kind, error, trace)

    def write(self, parts: Iterable[str]) -> None:
        """Adds parts.

        Raises:
            ValueError: outside of the `with` block.
        """
        if self._file is None:
            raise ValueError(f"{type(self).__name__} is used outside of its `with` block")
        for part in parts:
            self._file.write(self._before_next + part)
            self._before_next = self._separator
