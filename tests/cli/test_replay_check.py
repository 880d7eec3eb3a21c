"""What is wrong with a command line is told before anything is read."""

import os
from pathlib import Path

import pytest

from drivetr.cli.main import build_parser
from drivetr.cli.replay_check import check_arguments
from drivetr.errors import DrivetrError


def check(*options: str | Path) -> None:
    words = ["replay", "nowhere", "--version", "v1.0-mini", *(str(option) for option in options)]
    check_arguments(build_parser().parse_args(words))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "nothing to write: pass --html FILE"),
        (["--html", "a.html", "--from", "3", "--to", "2"], "--from 3 is later than --to 2"),
        (["--html", "a.html", "--from", "-1"], "--from is -1; expected a number from 0"),
        (["--html", "a.html", "--to", "nan"], "--to is nan"),
        (["--html", "a.html", "--worst", "0", "--results", "r.json"], "--worst is 0"),
        (["--html", "a.html", "--worst", "5"], "pass --results FILE or --checkpoint C"),
        (["--html", "a.html", "--image-width", "9"], "--image-width is 9"),
        (["--serve", "70000"], "--serve is 70000; expected a number from 0 to 65535"),
        (["--html", "a.htm"], "--html a.htm: the name of the file has to end with .html"),
        (["--rrd", "a.mp4"], "has to end with .rrd"),
        (["--html", "a.html", "--attention", "top:3"], "pass --checkpoint C"),
        (["--mp4", "a.mp4", "--checkpoint", "c", "--attention", "top:3"], "--html, --rrd or"),
    ],
)
def test_one_sentence(options: list[str], told: str) -> None:
    with pytest.raises(DrivetrError, match=told.replace("(", r"\(")):
        check(*options)


def test_places_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.html").mkdir()
    for option in ("html", "mp4"):
        with pytest.raises(DrivetrError, match="file is a file"):
            check(f"--{option}", tmp_path / "file" / "deep" / f"a.{option}")
    with pytest.raises(DrivetrError, match="is a folder"):
        check("--html", tmp_path / "folder.html")
    with pytest.raises(DrivetrError, match="cannot be written"):
        check("--png", tmp_path / "file" / "folder")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(DrivetrError, match="is read-only"):
        check("--html", tmp_path / "a.html")


def test_what_is_right_passes(tmp_path: Path) -> None:
    check("--serve")
    check("--html", tmp_path / "new" / "a.html", "--from", "1", "--to", "1")
    check("--png", tmp_path / "new", "--worst", "3", "--checkpoint", "c")
    check("--html", tmp_path / "a.html", "--checkpoint", "c", "--attention", "top:3")
