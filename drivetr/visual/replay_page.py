"""A recording as one HTML page that needs nothing else: no network, no server, no other file.

The page's own parts lie beside this file in `replay/`. They are put into it as they are, and a
content security policy lets the browser run exactly these: names out of a dataset that hold markup
or script stay text.
"""

import base64
import hashlib
import html
import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from string import Template

from drivetr.errors import DrivetrError
from drivetr.files import atomic_text
from drivetr.visual.recording import Recording
from drivetr.visual.replay_data import (
    map_base64,
    picture_base64,
    points_base64,
    recording_data,
    story_data,
)

# In the order in which they use each other at the top level; together they are one module.
_SCRIPTS = (
    "page.js", "geometry.js", "recording.js", "state.js", "outcomes.js", "look.js", "cameras.js",
    "map.js", "points.js", "bev.js", "attention.js", "timeline.js", "panels.js", "frames.js",
    "mistakes.js", "main.js",
)  # fmt: skip
_STYLES = ("theme.css", "layout.css", "panels.css", "phone.css")  # later ones overrule


def write_html(recording: Recording, path: str | Path) -> None:
    """Writes the page; the file appears whole or not at all.

    Raises:
        DrivetrError: a recording without frames, or a file that cannot be written there.
    """
    if not recording.frames:
        raise DrivetrError(f"{recording.title!r} has no frames, so that there is nothing to replay")
    style = "\n".join(_part(name) for name in _STYLES)
    script = "\n".join(_part(name) for name in _SCRIPTS)
    before, after = _part("page.html").split("$data")
    words = {
        "policy": _policy(style, script),
        "title": html.escape(recording.title),
        "style": style,
        "script": script,
    }
    with atomic_text(path) as file:
        file.write(Template(before).substitute(words))
        for block in _blocks(recording):
            file.write(block)
        file.write(Template(after).substitute(words))


def _part(name: str) -> str:
    return (resources.files("drivetr.visual") / "replay" / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Nothing but this style, this script and pictures that are in the page itself."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}';"
        f" script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _blocks(recording: Recording) -> Iterator[str]:
    """The data: one block of JSON, then what is read frame by frame."""
    yield _json_block("recording", recording_data(recording))
    for number, ground in enumerate(recording.maps.values()):
        yield _text_block(f"map-{number}", map_base64(ground))
    for number, frame in enumerate(recording.frames):
        for camera, image in enumerate(frame.images):
            yield _text_block(f"picture-{number}-{camera}", picture_base64(image))
        yield _text_block(f"points-{number}", points_base64(frame))
        for row, story in enumerate(frame.stories):
            yield _json_block(f"story-{number}-{row}", story_data(story))


def _json_block(name: str, data: dict[str, object]) -> str:
    """A block that no string can close: `<` is written as its escape, which JSON reads back."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>\n'


def _text_block(name: str, base64_text: str | None) -> str:
    if base64_text is None:
        return ""
    return f'<script type="text/plain" id="{name}">{base64_text}</script>\n'
