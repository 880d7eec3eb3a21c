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
from drivetr.engine.gather import of_all_processes
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


def meet(port: int, restarts: int) -> None:
    """Each of two processes, started by a torchrun whose store is at `port`; the second is late."""
    own = {"MASTER_PORT": port, "TORCHELASTIC_RESTART_COUNT": restarts, "LOCAL_WORLD_SIZE": 2}
    os.environ.update({name: str(value) for name, value in own.items()})
    os.environ["TORCHELASTIC_USE_AGENT_STORE"] = "True"
    time.sleep(2 * int(os.environ["RANK"]))
    with process_group("pytorch"):
        assert of_all_processes(os.environ["RANK"]) == ["0", "1"]


def test_a_restart_does_not_look_for_processes_of_the_start_before():
    """torchrun keeps its store, and with it the addresses of processes that are gone."""
    store = distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    for restarts in range(2):
        assert Job(meet, [store.port, restarts], processes=2).wait(120) == [0, 0]


@pytest.mark.slow
def test_torchrun_restarts_after_a_dead_rank(tmp_path):
    """Five interpreters that import torch: 50 s of CPU, so that a busy machine takes minutes."""
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    assert start(undisturbed, processes=2, options=SLOW).wait() == [0, 0]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    torchrun += ["--nproc-per-node", "2", "--max-restarts", "1", "-m", "drivetr.cli.main", "train"]
    train = [str(CONFIG), "--work-dir", str(killed), "--device", "cpu", "--launcher", "pytorch"]
    with subprocess.Popen([*torchrun, *train, "--resume", "--cfg-options", *SLOW]) as job:
        try:
            while not list(killed.glob("iter_*.pth")):
                assert job.poll() is None
                time.sleep(0.002)
            (second,) = [
                child
                for child in children_of(job.pid)
                if b"RANK=1" in Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
            ]
            os.kill(second, signal.SIGKILL)
            assert job.wait(1800) == 0
        finally:
            job.terminate()  # it ends its processes
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
