"""The rows of a large JSON list, one after another, in little memory and with exact offsets.

The parser is the standard library's, fed through a sliding window: as fast as a C event parser on
these tables, it reads the NaN that Python's json writes, and it knows where in the file it stopped.
"""

import codecs
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from drivetr.errors import DrivetrError

_CHUNK_BYTES = 1 << 20
_MAX_ROW_CHARS = 1 << 26
_SPACE = " \t\n\r"


class JsonRows:
    """Iterates over the rows of a file that holds one JSON list.

    Attributes:
        digest: BLAKE2b of the whole file in hexadecimal, once the iteration has ended.
    """

    def __init__(self, path: Path, on_bytes: Callable[[int], object] = lambda count: None) -> None:
        """Names the file; `on_bytes` hears how many bytes each read took, for a progress bar."""
        self.digest = ""
        self._path = path
        self._on_bytes = on_bytes
        self._hash = hashlib.blake2b(digest_size=16)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._position = 0  # of the next character within the window
        self._window_byte = 0  # offset in the file of the window's first character
        self._ended = False

    def __iter__(self) -> Iterator[object]:
        """Yields row after row.

        Raises:
            DrivetrError: with the byte offset, where the file is cut or is not a list in JSON.
        """
        with self._path.open("rb") as self._file:
            if self._take_mark("[") != "[":
                raise DrivetrError(
                    f"{self._path}: holds {self._kind_of_top()}, expected a list of rows"
                )
            yield from self._rows()
            if self._peek():
                raise self._fault("more text after the end of the list")
        self.digest = self._hash.hexdigest()

    def _rows(self) -> Iterator[object]:
        if self._take_mark("]"):
            return
        scan = json.JSONDecoder().raw_decode
        while True:
            self._peek()
            yield self._next_row(scan)
            mark = self._take_mark(",]")
            if not mark:
                raise self._fault("the file ends" if not self._peek() else "no comma after a row")
            if mark == "]":
                return

    def _next_row(self, scan: Callable[[str, int], tuple[object, int]]) -> object:
        while True:
            try:
                row, self._position = scan(self._text, self._position)
            except (ValueError, RecursionError) as error:
                if not self._ended and len(self._text) - self._position < _MAX_ROW_CHARS:
                    self._extend()
                    continue
                self._position = getattr(error, "pos", self._position)
                what = getattr(error, "msg", "a value that cannot be read")
                raise self._fault(what) from error
            return row

    def _peek(self) -> str:
        """The next character that is no white space, '' at the end of the file."""
        while True:
            text, position = self._text, self._position
            while position < len(text) and text[position] in _SPACE:
                position += 1
            self._position = position
            if position < len(text):
                return text[position]
            if self._ended:
                return ""
            self._extend()

    def _take_mark(self, marks: str) -> str:
        mark = self._peek()
        if not mark or mark not in marks:
            return ""
        self._position += 1
        return mark

    def _extend(self) -> None:
        chunk = self._file.read(_CHUNK_BYTES)
        self._ended = not chunk
        self._hash.update(chunk)
        self._on_bytes(len(chunk))
        try:
            new = self._decoder.decode(chunk, final=self._ended)
        except UnicodeDecodeError as error:
            self._position = len(self._text)
            raise self._fault("bytes that are not UTF-8") from error
        self._window_byte += len(self._text[: self._position].encode())
        self._text = self._text[self._position :] + new
        self._position = 0

    def _kind_of_top(self) -> str:
        return {"{": "a JSON object", "": "nothing"}.get(self._peek(), "no JSON list")

    def _fault(self, what: str) -> DrivetrError:
        cut = (
            " (the file is cut)" if self._ended and not self._text[self._position :].strip() else ""
        )
        offset = self._window_byte + len(self._text[: self._position].encode())
        return DrivetrError(
            f"{self._path}: is not valid JSON at byte {offset:,}: {what}{cut}; fetch or write the"
            " table again"
        )
