"""Rerun's web viewer out of the installed wheel, so that a browser needs no network.

rerun-sdk carries the viewer inside its library, as constant data one after the other: the
WebAssembly module, then the script that wasm-bindgen made for it. Only Rerun's own server hands them
out, and it listens on all interfaces; so they are copied from the library, and a page of ours opens
them.
"""

import mmap
from html import escape
from importlib.util import find_spec
from pathlib import Path

from drivetr.errors import DrivetrError
from drivetr.files import atomic_path, atomic_text

VIEWER_PAGE = "viewer.html"

_WASM_MAGIC = b"\0asm\x01\0\0\0"
_LAST_SECTION = 13  # the highest id of a section in WebAssembly's core specification 2 and 3
_SCRIPT_BEGIN = b"let wasm_bindgen;"
_SCRIPT_END = b"wasm_bindgen = Object.assign(__wbg_init, { initSync }, __exports);\n\n})();\n"

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; connect-src 'self';
 script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src data: blob:">
<title>{title}</title>
<link rel="stylesheet" href="viewer.css">
<body data-recording="{recording}">
<canvas id="viewer"></canvas>
<p id="message">Opening the recording …</p>
<script src="re_viewer.js"></script>
<script src="viewer.js"></script>
"""
_STYLE = """html, body { margin: 0; height: 100%; overflow: hidden; background: #0f1115; }
canvas { position: absolute; width: 100%; height: 100%; outline: none; }
p { position: absolute; top: 45%; width: 100%; text-align: center;
    font: 16px sans-serif; color: #8b93a1; pointer-events: none; }
"""
_SCRIPT = """"use strict";
const message = document.getElementById("message");
async function open_recording() {
  await wasm_bindgen({ module_or_path: "re_viewer_bg.wasm" });
  const recording = new URL(document.body.dataset.recording, location.href).href;
  const viewer = new wasm_bindgen.WebHandle(
    { url: [recording], hide_welcome_screen: true, enable_history: false, persist: false });
  await viewer.start(document.getElementById("viewer"));
  message.remove();
}
open_recording().catch((error) => {
  message.textContent = `This browser cannot show the recording: ${error}`;
});
"""


def write_web_viewer(folder: Path, recording: str, title: str) -> None:
    """Writes the viewer's page and its files into a folder that is served.

    Args:
        folder: where to.
        recording: name of the recording in that folder.
        title: of the page.

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
            script = library[begin:end].decode("utf-8")
    page = _PAGE.format(title=escape(title), recording=escape(recording))
    for name, text in (
        ("re_viewer.js", script),
        ("viewer.js", _SCRIPT),
        ("viewer.css", _STYLE),
        (VIEWER_PAGE, page),
    ):
        with atomic_text(folder / name) as file:
            file.write(text)


def _library() -> Path:
    """The compiled part of rerun-sdk."""
    found = find_spec("rerun_bindings")
    for folder in (found.submodule_search_locations or []) if found else []:
        for path in sorted(Path(folder).glob("rerun_bindings*")):
            if path.suffix in (".so", ".pyd"):
                return path
    raise DrivetrError("Rerun's web viewer needs rerun-sdk; pip install 'drivetr[viz]'")


def _find(library: mmap.mmap, what: bytes, begin: int) -> int:
    place = library.find(what, begin)
    if place < 0:
        raise DrivetrError(
            "the installed rerun-sdk does not hold its web viewer where 0.23.1 has it;"
            " pip install 'drivetr[viz]' brings that version"
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
