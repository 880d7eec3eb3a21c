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


def test_row_51_worker_is_killed_or_stalls(tmp_path):
    """As the system's out-of-memory killer does, and as a debugger or a frozen container does."""
    killed, stalled = tmp_path / "killed", tmp_path / "stalled"
    run = start(killed, options=SLOW)
    victim = workers_of(run, killed)[1]
    os.kill(victim, signal.SIGKILL)
    assert run.wait(60) == [2]
    told = sentence(killed)  # in one of two forms, by where the main process was
    assert re.search(rf"DataLoader worker \(pid(\(s\))? {victim}\)", told)
    assert "lower num_workers" in told
    run = start(stalled, options=[*SLOW, "train_data.worker_timeout_s=2"])
    for worker in workers_of(run, stalled):
        os.kill(worker, signal.SIGSTOP)
    assert run.wait(60) == [2]
    assert "DataLoader timed out after 2 seconds" in sentence(stalled)
    assert "raise worker_timeout_s" in sentence(stalled)


@pytest.mark.parametrize("workers", [0, 2])
def test_row_52_worker_raises(tmp_path, capfd, workers):
    options = ["train_data.version=broken", f"train_data.num_workers={workers}"]
    arguments = ["train", str(CONFIG), "--work-dir", str(tmp_path / "run"), "--device", "cpu"]
    assert main([*arguments, "--cfg-options", *options]) == 2
    said = capfd.readouterr().err
    assert "sample token3 cannot be loaded: KeyError: 'calibration'" in said
    assert "Traceback" not in said
