"""Runs killed with SIGKILL, between and inside checkpoint writes, and resumed in a new process."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from benchmarks.kill_resume import differences
from drivetr.engine.checkpoint import list_checkpoints, read_checkpoint, unfinished_checkpoints

CONFIG = Path(__file__).with_name("tiny_config.py")
STREAM_CONFIG = Path(__file__).with_name("tiny_stream_config.py")
# A checkpoint of several megabytes, so that its write takes long enough to be hit.
OPTIONS = {
    "schedule.iterations": 24,
    "checkpoint.interval": 2,
    "log_interval": 2,
    "model.ballast": 2_000_000,
}
# One process imports torch and drivetr; each run is forked from it before it has done anything.
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["drivetr.engine.train", "tests.engine.tiny_stream"])


def _train(work_dir: Path, resume: str | None, config: Path) -> None:
    from drivetr.engine.config import load_config
    from drivetr.engine.train import RunOptions, train

    train(load_config(config, OPTIONS), RunOptions(work_dir, resume, "cpu"))


def start(
    work_dir: Path, resume: str | None = None, config: Path = CONFIG
) -> multiprocessing.Process:
    process = SERVER.Process(target=_train, args=(work_dir, resume, config))
    process.start()
    return process


def kill_when(process: multiprocessing.Process, seen: object) -> None:
    """SIGKILL as soon as `seen()` is true."""
    while not seen():
        assert process.is_alive(), "the run ended before it could be killed"
        time.sleep(0.0002)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL


def finish(process: multiprocessing.Process) -> None:
    process.join()
    assert process.exitcode == 0


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    work_dir = tmp_path_factory.mktemp("undisturbed")
    finish(start(work_dir))
    return work_dir


def test_killed_between_two_checkpoints(undisturbed, tmp_path):
    process = start(tmp_path)
    kill_when(process, lambda: len(list(tmp_path.glob("iter_[468].pth"))) > 0)
    finish(start(tmp_path, "auto"))
    assert differences(tmp_path, undisturbed) == []


def test_killed_inside_a_checkpoint_write(undisturbed, tmp_path):
    def unfinished() -> list[Path]:
        return unfinished_checkpoints(tmp_path)

    def writes_a_later_one() -> bool:
        return bool(list_checkpoints(tmp_path)) and bool(unfinished())

    for _ in range(3):  # again and again, each time further
        for path in unfinished():  # what the last kill left is not to be taken for a new write
            path.unlink()
        process = start(tmp_path, "auto")
        kill_when(process, writes_a_later_one)
        assert unfinished(), "the write was over before the kill"
    finish(start(tmp_path, "auto"))
    assert differences(tmp_path, undisturbed) == []
    assert not unfinished()


def test_killed_before_the_first_checkpoint(undisturbed, tmp_path):
    process = start(tmp_path)
    kill_when(process, lambda: list(tmp_path.glob("*/run.json")))
    finish(start(tmp_path, "auto"))
    assert differences(tmp_path, undisturbed) == []


def test_killed_inside_a_scene(tmp_path):
    """The memory of the lanes is in the checkpoint: the detector goes on as if nothing was."""
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    finish(start(undisturbed, config=STREAM_CONFIG))
    process = start(killed, config=STREAM_CONFIG)
    kill_when(process, lambda: len(list(killed.glob("iter_[468].pth"))) > 0)
    finish(start(killed, "auto", STREAM_CONFIG))
    assert differences(killed, undisturbed) == []
    assert read_checkpoint(undisturbed / "last.pth")["memory"][0]["0.content"].any()
