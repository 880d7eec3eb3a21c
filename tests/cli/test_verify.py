"""`drivetr verify` from the command line."""

from pathlib import Path

import pytest

from drivetr.cli.main import main
from tests.data.nuscenes.table_factory import TableShape, make_tables, write_tables


def test_real_keyframes_are_clean(nuscenes_real: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["verify", str(nuscenes_real), "--version", "v1.0-mini"]) == 0
    out = capsys.readouterr().out
    assert "3 samples, 18 images of 6 cameras, 122 boxes" in out
    assert out.endswith("v1.0-mini: no errors, 0 warnings\n")


def test_errors_end_with_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    shape = TableShape(scenes=1, samples_per_scene=2, camera_sweeps=0)
    root = write_tables(tmp_path, make_tables(shape))
    assert main(["verify", str(root), "--version", "v1.0-mini"]) == 2
    captured = capsys.readouterr()
    assert captured.out.count("error [missing-image]") == 11
    assert "... and 2 more like these" in captured.out
    assert "12 errors and 2 warnings" in captured.err
