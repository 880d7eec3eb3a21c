"""Losses and gradients that are NaN or infinite."""

import json
from pathlib import Path

import pytest
import torch
from mmengine.logging import MessageHub
from torch import nn
from torch.optim import SGD

from benchmarks.kill_resume import differences
from drivetr.cli.main import main
from drivetr.engine.checkpoint import list_checkpoints, read_checkpoint
from drivetr.engine.optim import SMALLEST_LOSS_SCALE, ScaledOptimWrapper
from drivetr.errors import DrivetrError
from tests.reliability.runs import CONFIG, sentence, start


def train(work_dir: Path, policy: str, at_most: int, *flags: str) -> int:
    """Twenty steps over 23 samples, of which token3 has an infinite truth; each step is saved."""
    options = ["train_data.num_workers=0", "train_data.version=bad", "train_data.length=23"]
    options += ["checkpoint.interval=1", "checkpoint.keep=99"]
    options += [f"on_nan={{'policy': '{policy}', 'at_most': {at_most}}}"]
    arguments = ["train", str(CONFIG), "--work-dir", str(work_dir), "--device", "cpu", *flags]
    return main([*arguments, "--cfg-options", *options])


def weights(path: Path) -> dict[str, torch.Tensor]:
    return read_checkpoint(path)["model"]


def bad_steps(work_dir: Path) -> list[int]:
    """The steps that were written down, each of which had the bad sample."""
    records = [json.loads(path.read_text()) for path in work_dir.glob("not_finite_*.json")]
    assert all("token3" in record["samples_of_ranks"][0] for record in records)
    return sorted(record["iteration"] for record in records)


@pytest.mark.parametrize("policy", ["stop", "skip", "rollback"])
def test_row_48_loss_is_nan(tmp_path, capfd, policy):
    first, second = tmp_path / "first", tmp_path / "second"
    status = train(first, policy, 10)
    steps = bad_steps(first)
    for path in list_checkpoints(first):
        content = read_checkpoint(path)
        for part in ("model", "ema"):
            assert all(value.isfinite().all() for value in content[part].values())
    if policy == "stop":
        assert status == 2
        (bad,) = steps
        said = capfd.readouterr().err
        assert f"the loss is not finite (loss_bbox = inf) at iteration {bad}" in said
        assert f"{first}/not_finite_{bad}.json" in said
        assert "Traceback" not in said
        assert list_checkpoints(first)[0].name == f"iter_{bad - 1}.pth"
        return
    assert status == 0
    last = read_checkpoint(first / "last.pth")
    assert last["iteration"] == 20
    assert last["recovery"]["times"] >= len(steps) > 0
    for bad in steps:
        before, after = (first / f"iter_{step}.pth" for step in (bad - 1, bad))
        same = all(torch.equal(v, weights(after)[k]) for k, v in weights(before).items())
        assert same == (policy == "skip")  # else the step was made with the next data
    if policy == "rollback":
        assert last["recovery"]["batches_left_out"] == last["recovery"]["times"]

    # It counts over all starts of a run: one that is resumed ends the same.
    middle = steps[0]
    assert train(second, policy, 10, "--resume", str(first / f"iter_{middle}.pth")) == 0
    assert not {"model", "ema", "optimizer", "rng", "recovery"} & set(differences(second, first))
    allowed = last["recovery"]["times"] - 1
    if allowed:
        assert train(tmp_path / "third", policy, allowed) == 2
        assert f"{policy} was allowed {allowed} times" in capfd.readouterr().err


def test_ranks_agree_on_what_one_of_them_met(tmp_path):
    """The bad sample is on one rank; the other one would wait for its gradients for ever."""
    options = ["train_data.num_workers=0", "train_data.version=bad", "checkpoint.interval=2"]
    run = start(tmp_path / "run", "--on-nan", "skip", processes=2, options=options)
    assert run.wait(120) == [0, 0]
    run = start(tmp_path / "stopped", processes=2, options=options)
    assert run.wait(120) == [2, 2]
    said = sentence(tmp_path / "stopped")
    (record,) = (tmp_path / "stopped").glob("not_finite_*.json")
    ranks = json.loads(record.read_text())["samples_of_ranks"]
    assert len(ranks) == 2
    assert str(record) in said
    assert ["token3" in samples for samples in ranks].count(True) == 1


def test_nothing_to_go_back_to(tmp_path, capfd):
    options = ["train_data.num_workers=0", "train_data.version=bad", "checkpoint.interval=20"]
    arguments = ["train", str(CONFIG), "--work-dir", str(tmp_path / "run"), "--device", "cpu"]
    assert main([*arguments, "--on-nan", "rollback", "--cfg-options", *options]) == 2
    assert "has no checkpoint to go back to" in capfd.readouterr().err


def test_row_49_every_step_overflows_in_fp16():
    """A real loss scaler on the CPU; the true gradient is infinite whatever the scale is.

    Below a scale of 0.1 the scaled one is finite.
    """
    module = nn.Linear(1, 1, bias=False)
    before = module.weight.item()
    optimizer = ScaledOptimWrapper(SGD(module.parameters(), lr=1.0), 35.0, "cpu")
    optimizer.message_hub = MessageHub.get_instance("overflow")
    steps = 0

    def storm() -> None:
        nonlocal steps
        for _ in range(100):
            optimizer.update_params(module.weight.sum() * 3e38 * 10)
            steps += 1

    with pytest.raises(DrivetrError, match="every step overflows in fp16, down to a loss scale of"):
        storm()
    assert steps == 30  # 65536 halved until it is below the smallest
    assert 65536 / 2**steps < SMALLEST_LOSS_SCALE < 65536 / 2 ** (steps - 1)
    assert module.weight.item() == before


def test_a_few_overflows_only_lower_the_scale():
    module = nn.Linear(1, 1, bias=False)
    before = module.weight.item()
    optimizer = ScaledOptimWrapper(SGD(module.parameters(), lr=1.0), 35.0, "cpu")
    optimizer.message_hub = MessageHub.get_instance("few overflows")
    optimizer.loss_scaler.load_state_dict({**optimizer.loss_scaler.state_dict(), "scale": 2.0**127})
    for _ in range(8):
        optimizer.update_params(4 * module.weight.sum())
    saved = optimizer.state_dict()
    assert saved["loss_scaler"]["scale"] == 2.0**125  # four times more is out of range
    assert before - module.weight.item() == pytest.approx(4 * (8 - 2))
    other = ScaledOptimWrapper(SGD(module.parameters(), lr=1.0), 35.0, "cpu")
    other.load_state_dict(saved)
    assert other.loss_scaler.get_scale() == saved["loss_scaler"]["scale"]
