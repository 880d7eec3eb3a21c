"""Trainings in one, two and four processes that see the same frames in every step."""

from pathlib import Path

import pytest
import torch

from benchmarks.kill_resume import last_rows
from benchmarks.launch import Job, drivetr
from drivetr.engine.checkpoint import read_checkpoint

HERE = Path(__file__).parent


def start(work_dir: Path, processes: int, config: str, *options: str) -> Job:
    frames = f"train_data.batch_size={4 // processes}"
    arguments = ["train", str(HERE / config), "--work-dir", str(work_dir), "--device", "cpu"]
    log = work_dir.with_name(f"{work_dir.name}.log")
    return drivetr([*arguments, "--cfg-options", frames, *options], processes, log)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work_dir = tmp_path_factory.mktemp("alone") / "run"
    assert start(work_dir, 1, "tiny_ranks_config.py").wait() == [0]
    return work_dir


@pytest.mark.parametrize("processes", [2, 4])
def test_equal_one_process(alone, tmp_path, processes):
    """Up to rounding: a mean of means sums in another order, which 20 steps of AdamW carry on.

    The norm of the gradient is a row of the log, so that each step's gradient is compared too.
    """
    job = start(tmp_path / "run", processes, "tiny_ranks_config.py")
    assert job.wait(120) == [0] * processes
    content, expected = (read_checkpoint(p / "last.pth") for p in (tmp_path / "run", alone))
    for part in ("model", "ema"):
        torch.testing.assert_close(content[part], expected[part], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(
        content["optimizer"]["state"], expected["optimizer"]["state"], rtol=1e-3, atol=1e-6
    )
    rows, expected_rows = last_rows(tmp_path / "run"), last_rows(alone)
    assert rows.keys() == expected_rows.keys()
    for step, row in rows.items():
        assert row == pytest.approx(expected_rows[step], rel=1e-4), step
        assert {"loss", "loss_bbox", "loss_cls", "grad_norm", "lr"} <= row.keys()


def test_difference_would_be_noticed(alone, tmp_path):
    """Two processes that did not average would end as one that sees half of the frames."""
    job = start(tmp_path / "run", 1, "tiny_ranks_config.py", "train_data.batch_size=2")
    assert job.wait(120) == [0]
    content, expected = (read_checkpoint(p / "last.pth") for p in (tmp_path / "run", alone))
    with pytest.raises(AssertionError):
        torch.testing.assert_close(content["model"], expected["model"], rtol=1e-2, atol=1e-4)
