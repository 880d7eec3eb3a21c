"""Rerun's web viewer out of the installed wheel, so that a browser needs no network.

rerun-sdk carries the viewer inside its library, as constant data one after the other: the
WebAssembly module, then the script that wasm-bindgen made for it. Only Rerun's own server hands
them out, and it listens on all interfaces; so they are copied from the library, and a page of ours
opens them.
"""

import mmap
from html import escape
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from string import Template

from drivetr.errors import DrivetrError
from drivetr.files import atomic_path, atomic_text

VIEWER_PAGE = "viewer.html"

_WASM_MAGIC = b"\0asm\x01\0\0\0"
_LAST_SECTION = 13  # the highest id of a section in WebAssembly's core specification 2 and 3
_SCRIPT_BEGIN = b"let wasm_bindgen;"
_SCRIPT_END = b"wasm_bindgen = Object.assign(__wbg_init, { initSync }, __exports);\n\n})();\n"


def write_web_viewer(folder: Path, recording: str, title: str, frames: int) -> None:
    """Writes the viewer's page and its files into a folder that is served.

    `VIEWER_PAGE#frame=12` opens at frame 12, counted from 0.

    Args:
        folder: where to.
        recording: name of the recording in that folder.
        title: of the page.
        frames: number of frames in the recording.

    Raises:
        DrivetrError: Rerun is not installed, or its library does not hold the viewer.
    """
    with _library().open("rb") as file:
        library = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        with library, atomic_path(folder / "re_viewer_bg.wasm") as wasm:
            begin = _find(library, _WASM_MAGIC, 0)
            end = _wasm_end(library, begin)
            wasm.write_bytes(library[begin:end])
            begin = _find(library, _SCRIPT_BEGIN, end)
            end = _find(library, _SCRIPT_END, begin) + len(_SCRIPT_END)
            _write(folder / "re_viewer.js", library[begin:end].decode("utf-8"))
    words = {"title": escape(title), "recording": escape(recording), "frames": str(frames)}
    _write(folder / VIEWER_PAGE, Template(_part(VIEWER_PAGE)).substitute(words))
    for name in ("viewer.js", "viewer.css"):
        _write(folder / name, _part(name))


def _part(name: str) -> str:
    return (resources.files("drivetr.visual") / "rerun_viewer" / name).read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    with atomic_text(path) as file:
        file.write(text)


def _library() -> Path:
    """The compiled part of rerun-sdk."""
    found = find_spec("rerun_bindings")
    for folder in (found.submodule_search_locations or []) if found else []:
        for path in sorted(Path(folder).glob("rerun_bindings*")):
            if path.suffix in (".so", ".pyd"):
                return path
    raise DrivetrError("Rerun's web viewer needs rerun-sdk; pip install -e '.[viz]'")


def _find(library: mmap.mmap, what: bytes, begin: int) -> int:
    place = library.find(what, begin)
    if place < 0:
        raise DrivetrError(
            "the installed rerun-sdk does not hold its web viewer where 0.23.1 has it;"
            " pip install -e '.[viz]' brings that version"
        )
    return place


def _wasm_end(library: mmap.mmap, begin: int) -> int:
    """Where the sections of a WebAssembly module end: each is an id, a length and as many bytes."""
    place = begin + len(_WASM_MAGIC)
    while library[place] <= _LAST_SECTION:
        length, start = _leb128(library, place + 1)
        place = start + length
    return place


def _leb128(data: mmap.mmap, place: int) -> tuple[int, int]:
    """An unsigned number in WebAssembly's variable length, and where it ends."""
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
