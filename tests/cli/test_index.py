"""`drivetr index` from the command line."""

from pathlib import Path

import pytest

from drivetr.cli import index as command
from drivetr.cli.main import main
from drivetr.data.nuscenes.index import open_index
from tests.data.nuscenes.table_factory import TableShape, make_tables, write_tables


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIVETR_CACHE", str(tmp_path / "cache"))


def test_builds_then_rebuilds_what_is_stale(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    root = write_tables(tmp_path / "data", make_tables())
    words = ["index", str(root), "--version", "v1.0-mini"]
    assert main(words) == 0
    assert "v1.0-mini: 2 scenes, 12 samples, 192 images of 6 cameras" in capsys.readouterr().out
    write_tables(root, make_tables(TableShape(scenes=1, lidar=False)))
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "1 scenes, 6 samples" in out
    assert "ego (no LIDAR_TOP)" in out


def test_out_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    root = write_tables(tmp_path / "data", make_tables())
    words = ["index", str(root), "--version", "v1.0-mini", "--out-dir", str(tmp_path / "here")]
    assert main(words) == 0
    assert len(list((tmp_path / "here/index").glob("v1.0-mini-*/header.json"))) == 1
    assert not (tmp_path / "cache").exists()
    variable, _, folder = capsys.readouterr().out.split()[-1].partition("=")
    monkeypatch.setenv(variable, folder)
    assert open_index(root, "v1.0-mini", build=False).folder.is_relative_to(tmp_path / "here")


def test_mended_rows_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    tables = make_tables()
    tables["sample_annotation"][0]["size"] = [0, 1, 1]
    root = write_tables(tmp_path / "data", tables)
    assert main(["index", str(root), "--version", "v1.0-mini"]) == 0
    assert "warning: 1 x box-size" in capsys.readouterr().out


def test_wrong_table_ends_with_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    root = write_tables(tmp_path / "data", make_tables())
    (root / "v1.0-mini" / "log.json").write_text("[{")
    assert main(["index", str(root), "--version", "v1.0-mini"]) == 2
    assert "log.json: is not valid JSON at byte" in capsys.readouterr().err


def test_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    root = write_tables(tmp_path / "data", make_tables())
    (tmp_path / "file").touch()
    words = ["index", str(root), "--version", "v1.0-mini", "--out-dir", str(tmp_path / "file")]
    assert main(words) == 2
    assert "cannot be written there" in capsys.readouterr().err


def test_help_teaches_with_an_example():
    assert command.EXAMPLE.startswith("drivetr index ")
