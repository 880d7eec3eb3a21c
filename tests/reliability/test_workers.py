"""Loader workers that die, stall or raise."""

import os
import re
import signal
from pathlib import Path

import pytest

from benchmarks.launch import Job
from drivetr.cli.main import main
from tests.reliability.runs import CONFIG, SLOW, children_of, sentence, start, wait_until


def workers_of(run: Job, work_dir: Path) -> list[int]:
    wait_until(lambda: list(work_dir.glob("iter_*.pth")), run, work_dir)
    return children_of(run.processes[0].pid)


def test_row_51_worker_is_killed(tmp_path):
    """As the system's out-of-memory killer does."""
    killed = tmp_path / "killed"
    run = start(killed, options=SLOW)
    victim = workers_of(run, killed)[1]
    os.kill(victim, signal.SIGKILL)
    assert run.wait(60) == [2]
    told = sentence(killed)  # in one of two forms, by where the main process was
    assert re.search(rf"DataLoader worker \(pid(\(s\))? {victim}\)", told)
    assert "lower num_workers" in told


@pytest.mark.parametrize("workers", [0, 2])
def test_row_52_worker_raises(tmp_path, capfd, workers):
    options = ["train_data.version=broken", f"train_data.num_workers={workers}"]
    arguments = ["train", str(CONFIG), "--work-dir", str(tmp_path / "run"), "--device", "cpu"]
    assert main([*arguments, "--cfg-options", *options]) == 2
    said = capfd.readouterr().err
    assert "sample token3 cannot be loaded: KeyError: 'calibration'" in said
    assert "Traceback" not in said
