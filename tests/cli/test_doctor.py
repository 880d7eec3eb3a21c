"""`drivetr doctor`: what it prints, writes and returns."""

import json
from pathlib import Path

import pytest

from drivetr.cli.doctor import status_of
from drivetr.cli.main import main
from drivetr.engine.doctor.diagnosis import Diagnosis, Level
from tests.engine.doctor.fake_packages import add_distribution, add_module

OK = Diagnosis("environment", Level.OK, "all is well")
WARNING = Diagnosis("environment", Level.WARNING, "two wheels", "remove one")
ERROR = Diagnosis("index", Level.ERROR, "stale", "rebuild it")
UNDECIDED = Diagnosis("convention", Level.WARNING, "nothing can be told")
WRONG = Diagnosis("convention", Level.ERROR, "wrong")
RIGHT = Diagnosis("convention", Level.OK, "right")
CONFIG = Path(__file__).parents[1] / "engine" / "tiny_petr_config.py"


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ([OK, WARNING], 0), ([OK, RIGHT], 0), ([OK, ERROR], 1), ([WRONG], 1), ([UNDECIDED], 3),
        ([UNDECIDED, ERROR], 1),
    ],
)  # fmt: skip
def test_the_status_is_the_worst_finding(found, status):
    assert status_of(found) == status


def test_the_help_tells_the_status(capsys):
    with pytest.raises(SystemExit):
        main(["doctor", "--help"])
    told = capsys.readouterr().out
    assert "Exit status: 0 nothing is wrong (the convention is right), 1 something is" in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--frames", "0"], "--frames is 0, expected 1 or more"),
        (["--dataroot", "x"], "--dataroot needs --version V"),
        (["--json", "."], "is a folder, but a file is to be written"),
    ],
)
def test_mistakes_in_the_command(words, said, capsys):
    assert main(["doctor", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_broken_installation_is_told_before_anything_of_it_is_used(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    add_module(tmp_path, "numpy", "raise ImportError('numpy is broken')")
    add_distribution(tmp_path, "opencv-python", "4.12.0.88")
    add_distribution(tmp_path, "numpy", "2.3.0")
    report = tmp_path / "report.json"
    assert main(["doctor", "--config", "no-such-config.py", "--json", str(report)]) == 1
    told = capsys.readouterr().out
    assert "warning environment  opencv-python and opencv-python-headless" in told
    assert "-> pip uninstall -y opencv-python" in told
    assert "numpy is broken" in told
    written = json.loads(report.read_text())
    assert written["status"] == 1
    assert written["versions"]["numpy"] == "2.3.0"
    assert {one["level"] for one in written["findings"]} >= {"ok", "warning", "error"}
    assert "hunter2" not in report.read_text()
    assert str(tmp_path) not in report.read_text()
    assert "2.3.0 in ~" in report.read_text()


@pytest.mark.slow
def test_a_healthy_machine_with_dataset_and_config(drive, capsys):
    named = ["--dataroot", str(drive), "--version", "v1.0-synth"]
    assert main(["doctor", *named, "--config", str(CONFIG), "--device", "cpu"]) == 0
    told = capsys.readouterr().out
    for subject in ("environment", "dataset", "index", "disk", "memory"):
        assert subject in told
