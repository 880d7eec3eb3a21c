"""Names from files do not command the terminal."""

import io
import json
import logging

import pytest

from drivetr.cli.main import main
from drivetr.cli.terminal import PlainFormatter, PlainStream, printable
from tests.evaluation.nuscenes.track_world import VERSION, write_track_world

CLEAR = "\x1b[2J\x1b]0;owned\x07"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (CLEAR, "\\x1b[2J\\x1b]0;owned\\x07"),
        ("right\rwrong", "right\\rwrong"),
        ("\x9b31m", "\\x9b31m"),  # the one-character form of ESC [
        ("car\u202etxt.exe", "car\\u202etxt.exe"),
        ("half \ud800", "half \\ud800"),
        ("Ünïcode, 日本\tand\nlines", "Ünïcode, 日本\tand\nlines"),
    ],
)
def test_commands_become_visible(text, shown):
    assert printable(text) == shown
    shown.encode()


def test_a_stream_and_the_log():
    stream = PlainStream(out := io.StringIO())
    print(f"a {CLEAR}", file=stream)
    stream.flush()
    record = logging.LogRecord("drivetr", logging.WARNING, "", 0, "token %s", (CLEAR,), None)
    for told in (out.getvalue(), PlainFormatter().format(record)):
        assert "\x1b" not in told
        assert "\\x1b[2J" in told


def test_a_dataset_s_names_in_reports_and_errors(tmp_path, capsys):
    root = write_track_world(tmp_path)
    path = root / VERSION / "category.json"
    rows = json.loads(path.read_text())
    rows[0]["name"] = f"vehicle{CLEAR}"
    path.write_text(json.dumps(rows))
    splits = root / VERSION / "splits.json"
    splits.write_text(json.dumps({f"mine{CLEAR}": [f"scene{CLEAR}"]}))
    main(["verify", str(root), "--version", VERSION])
    assert main(["verify", str(root), "--version", f"v{CLEAR}"]) == 2
    told = capsys.readouterr()
    assert "owned" in told.out
    assert "owned" in told.err
    assert "\x1b" not in told.out
    assert "\x07" not in told.out + told.err
