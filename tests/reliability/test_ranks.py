"""Several processes of a run: no objects, a dead one, other ones after a resume."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import distributed

from benchmarks.kill_resume import differences
from benchmarks.launch import Job
from drivetr.engine.checkpoint import checkpoint_path, read_checkpoint
from drivetr.engine.devices import process_group
from drivetr.engine.runner import wrapped_for_processes
from tests.engine.test_training import backward, set_batch, set_training
from tests.reliability.runs import CONFIG, ENGINE, SLOW, children_of, sentence, start

RANKS_CONFIG = ENGINE / "tiny_ranks_config.py"


def losses_without_objects(folder: str) -> None:
    """In each of two processes: gradients where one has no object, and where none has."""
    with process_group("pytorch"):
        rank = distributed.get_rank()
        found = []
        for batch in (set_batch([0, 1] if rank == 0 else [2, 3]), set_batch([2, 3])):
            model = wrapped_for_processes(set_training(), torch.device("cpu"))
            found.append(backward(model, batch))
        torch.save(found, Path(folder, f"rank{rank}.pth"))


def test_row_31_no_box_on_one_rank_or_on_all(tmp_path):
    job = Job(losses_without_objects, [str(tmp_path)], processes=2)
    assert job.wait(120) == [0, 0]
    expected = [backward(set_training(), set_batch(each)) for each in ([0, 1, 2, 3], [2, 3])]
    for rank in range(2):
        found = torch.load(tmp_path / f"rank{rank}.pth", weights_only=True)
        for gradients, alone in zip(found, expected, strict=True):
            torch.testing.assert_close(gradients, alone)
            assert all(g.isfinite().all() for g in gradients.values() if g is not None)
            assert any(g.any() for g in gradients.values() if g is not None)


def test_row_53_a_rank_dies(tmp_path):
    """The other one ends by itself; both are started again, as torchrun does."""
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    assert start(undisturbed, processes=2, options=SLOW).wait() == [0, 0]
    run = start(killed, processes=2, options=SLOW)
    assert run.kill_when(lambda: list(killed.glob("iter_*.pth")), rank=1)
    assert run.wait(60) == [2, -signal.SIGKILL]
    assert "process 0 lost another process of the run" in sentence(killed)
    assert start(killed, "--resume", processes=2, options=SLOW).wait() == [0, 0]
    assert differences(killed, undisturbed) == []


@pytest.mark.slow
@pytest.mark.skipif(
    "DRIVETR_TORCHRUN" not in os.environ,
    reason="a restart waits for ports and needs a machine at rest; DRIVETR_TORCHRUN=1 runs it",
)
def test_torchrun_restarts_after_a_dead_rank(tmp_path):
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    assert start(undisturbed, processes=2, options=SLOW).wait() == [0, 0]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    torchrun += ["--nproc-per-node", "2", "--max-restarts", "1", "-m", "drivetr.cli.main", "train"]
    train = [str(CONFIG), "--work-dir", str(killed), "--device", "cpu", "--launcher", "pytorch"]
    job = subprocess.Popen([*torchrun, *train, "--resume", "--cfg-options", *SLOW])
    while not list(killed.glob("iter_*.pth")):
        assert job.poll() is None
        time.sleep(0.002)
    for child in children_of(job.pid):
        if b"RANK=1" in Path(f"/proc/{child}/environ").read_bytes().split(b"\0"):
            os.kill(child, signal.SIGKILL)
    assert job.wait(600) == 0
    assert len(list(killed.glob("*/run.json"))) == 2
    assert differences(killed, undisturbed) == []


def test_row_54_resumed_with_other_processes(tmp_path):
    """Steps keep their frames, so that the result is the same but for the order of sums."""
    undisturbed = tmp_path / "undisturbed"
    options = ["checkpoint.interval=8", "checkpoint.keep=9"]

    def run(work_dir: Path, processes: int, batch_size: int, *flags: str) -> list[int | None]:
        own = [*options, f"train_data.batch_size={batch_size}"]
        job = start(work_dir, *flags, config=RANKS_CONFIG, processes=processes, options=own)
        return job.wait(120)

    assert run(undisturbed, 2, 2) == [0, 0]
    middle = ["--resume", str(checkpoint_path(undisturbed, 8))]
    assert run(tmp_path / "one", 1, 4, *middle) == [0]
    assert run(tmp_path / "four", 4, 1, *middle) == [0] * 4
    expected = read_checkpoint(undisturbed / "last.pth")
    for name in ("one", "four"):
        content = read_checkpoint(tmp_path / name / "last.pth")
        for part in ("model", "ema"):
            torch.testing.assert_close(content[part], expected[part], rtol=1e-4, atol=1e-6)
    assert run(tmp_path / "three", 3, 1, *middle) == [2] * 3
    assert "the run had 2 processes with 2 frames each, now it is 3 with 1; keep the product" in (
        sentence(tmp_path / "three")
    )
