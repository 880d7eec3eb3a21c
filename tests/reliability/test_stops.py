"""Runs that are told to stop, that cannot begin, or that meet another one in their folder."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from benchmarks.kill_resume import differences
from drivetr.cli.main import main
from drivetr.engine.checkpoint import read_checkpoint
from tests.reliability.runs import CONFIG, SLOW, children_of, sentence, start, wait_until


@pytest.mark.parametrize(("number", "processes"), [(signal.SIGTERM, 1), (signal.SIGUSR1, 2)])
def test_row_44_told_to_stop(tmp_path, number, processes):
    """One rank gets the signal, and its workers too, as where a whole process group does."""
    undisturbed, stopped = tmp_path / "undisturbed", tmp_path / "stopped"
    assert start(undisturbed, processes=processes, options=SLOW).wait() == [0] * processes
    run = start(stopped, processes=processes, options=SLOW)
    wait_until(lambda: list(stopped.glob("iter_*.pth")), run, stopped)
    pid = run.processes[-1].pid
    for each in [*children_of(pid), pid]:
        os.kill(each, number)
    assert run.wait() == [75] * processes
    assert f"{number.name} received, saved {stopped}/iter_" in sentence(stopped)
    assert 6 <= read_checkpoint(stopped / "last.pth")["iteration"] < 60
    assert start(stopped, "--resume", processes=processes, options=SLOW).wait() == [0] * processes
    assert differences(stopped, undisturbed) == []


def train_here(work_dir: Path, *more: str) -> int:
    options = ["--cfg-options", "schedule.iterations=2", "train_data.num_workers=0"]
    return main(
        ["train", str(CONFIG), "--work-dir", str(work_dir), "--device", "cpu", *more, *options]
    )


def test_row_46_work_folder_cannot_be_written(tmp_path, capsys):
    """The wrong model of this config is not even looked at."""
    wrong = ["--cfg-options", "model.num_queries='many'"]
    (tmp_path / "file").touch()
    assert train_here(tmp_path / "file/run", *wrong) == 2
    assert f"--work-dir {tmp_path}/file/run cannot be written" in capsys.readouterr().err
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", str(disk)]).returncode:
        pytest.skip("a read-only file system cannot be mounted here")
    try:
        for work_dir in (disk, disk / "run"):
            assert train_here(work_dir, *wrong) == 2
            assert "cannot be written (Read-only file system)" in capsys.readouterr().err
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_row_47_two_runs_in_one_work_folder(tmp_path, capsys):
    work_dir = tmp_path / "run"
    first = start(work_dir, options=[*SLOW, "checkpoint.interval=99"])
    wait_until(lambda: list(work_dir.glob("*/run.json")), first, work_dir)
    assert train_here(work_dir, "--resume") == 2
    pid = first.processes[0].pid
    assert f"{work_dir} is in use by another run (process {pid} on " in capsys.readouterr().err
    first.send(signal.SIGKILL)
    first.wait()
    # The dead one's lock does not stand in the way, though its workers may not have noticed yet.
    assert train_here(work_dir, "--resume") == 0
