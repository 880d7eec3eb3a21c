"""No file name of a table leads out of the dataroot."""

from pathlib import Path

import pytest

from drivetr.data.paths import resolve_inside
from drivetr.errors import DrivetrError


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../x", "a/../../x", "a/..", "a\0b"])
def test_refused_by_their_text(tmp_path: Path, name: str):
    with pytest.raises(DrivetrError, match="sample_data.json: filename"):
        resolve_inside(tmp_path, name)


def test_link_out_is_refused(tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data-secret").mkdir()
    (tmp_path / "data" / "samples").symlink_to(tmp_path / "data-secret")
    with pytest.raises(DrivetrError, match="symbolic link that leaves the dataroot"):
        resolve_inside(tmp_path / "data", "samples/x.jpg")


def test_links_inside_and_to_the_dataroot_are_fine(tmp_path: Path):
    (tmp_path / "data" / "real").mkdir(parents=True)
    (tmp_path / "data" / "samples").symlink_to("real")
    (tmp_path / "link").symlink_to("data")
    expected = tmp_path.resolve() / "data" / "real" / "x.jpg"
    assert resolve_inside(tmp_path / "link", "samples/x.jpg") == expected


def test_a_loop_of_links_is_an_error(tmp_path: Path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(DrivetrError, match="cannot be resolved"):
        resolve_inside(tmp_path, "a/x.jpg")
