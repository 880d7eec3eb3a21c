"""Runs killed with SIGKILL, between and inside checkpoint writes, and resumed in a new process."""

import random
import signal
import time
from pathlib import Path

import pytest

from benchmarks.kill_resume import differences
from drivetr.engine.checkpoint import list_checkpoints, read_checkpoint, unfinished_checkpoints
from tests.reliability.runs import CONFIG, STREAM_CONFIG, start

# A checkpoint of several megabytes, so that its write takes long enough to be hit.
OPTIONS = (
    "schedule.iterations=24",
    "checkpoint.interval=2",
    "log_interval=2",
    "model.ballast=2_000_000",
)


def undisturbed_run(work_dir: Path, config: Path = CONFIG) -> float:
    """Seconds from the first iteration to the end."""
    run = start(work_dir, config=config, options=OPTIONS)
    while not list(work_dir.glob("*/run.json")):
        time.sleep(0.01)
    began = time.monotonic()
    assert run.wait() == [0]
    return time.monotonic() - began


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> tuple[Path, float]:
    """The folder of a run that nobody disturbed, and how long it trained."""
    work_dir = tmp_path_factory.mktemp("undisturbed") / "run"
    return work_dir, undisturbed_run(work_dir)


def finish(work_dir: Path, config: Path = CONFIG) -> None:
    assert start(work_dir, "--resume", config=config, options=OPTIONS).wait() == [0]


def test_row_42_killed_at_a_random_moment(undisturbed, tmp_path):
    """Again and again, each time further; benchmarks/kill_resume.py does so hundreds of times."""
    reference, seconds = undisturbed
    draw = random.Random(0)
    kills = 0
    for _ in range(3):
        run = start(tmp_path / "run", "--resume", options=OPTIONS)
        while run.is_alive() and not list((tmp_path / "run").glob("*/run.json")):
            time.sleep(0.01)
        moment = time.monotonic() + draw.random() * seconds / 2
        kills += run.kill_when(lambda moment=moment: time.monotonic() > moment)
    assert kills > 0, "the runs were over before they could be killed"
    finish(tmp_path / "run")
    assert differences(tmp_path / "run", reference) == []


def test_row_43_killed_inside_a_checkpoint_write(undisturbed, tmp_path):
    work_dir = tmp_path / "run"

    def writes_a_later_one() -> bool:
        return bool(list_checkpoints(work_dir)) and bool(unfinished_checkpoints(work_dir))

    for _ in range(3):  # again and again, each time further
        for path in unfinished_checkpoints(work_dir):
            path.unlink()  # what the last kill left is not to be taken for a new write
        run = start(work_dir, "--resume", options=OPTIONS)
        assert run.kill_when(writes_a_later_one), "the run ended before it could be killed"
        assert unfinished_checkpoints(work_dir), "the write was over before the kill"
        for path in list_checkpoints(work_dir):
            read_checkpoint(path)  # under its final name every one is whole
    finish(work_dir)
    assert differences(work_dir, undisturbed[0]) == []
    assert not unfinished_checkpoints(work_dir)


def test_killed_before_the_first_checkpoint(undisturbed, tmp_path):
    work_dir = tmp_path / "run"
    run = start(work_dir, options=OPTIONS)
    assert run.kill_when(lambda: list(work_dir.glob("*/run.json")))
    finish(work_dir)
    assert differences(work_dir, undisturbed[0]) == []


def test_killed_inside_a_scene(tmp_path):
    """The memory of the lanes is in the checkpoint: the detector goes on as if nothing was."""
    reference, killed = tmp_path / "reference", tmp_path / "killed"
    undisturbed_run(reference, STREAM_CONFIG)
    run = start(killed, config=STREAM_CONFIG, options=OPTIONS)
    assert run.kill_when(lambda: list(killed.glob("iter_[468].pth")))
    assert run.wait() == [-signal.SIGKILL]
    finish(killed, STREAM_CONFIG)
    assert differences(killed, reference) == []
    assert read_checkpoint(reference / "last.pth")["memory"][0]["0.content"].any()
