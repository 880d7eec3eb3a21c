"""`drivetr train`: flags, mistakes, and that it hands over to `drivetr test`."""

import subprocess
import sys
from pathlib import Path

import pytest

from drivetr.cli.main import main
from drivetr.engine.checkpoint import read_checkpoint

ROOT = Path(__file__).parents[2]
TINY = str(ROOT / "tests/engine/tiny_config.py")
SHORT = ["--cfg-options", "schedule.iterations=2", "train_data.num_workers=0"]


def train(work_dir: Path, *arguments: str) -> int:
    return main(["train", TINY, "--work-dir", str(work_dir), "--device", "cpu", *arguments])


def test_trains_and_prints_the_test_command(tmp_path, capsys):
    dataset = ["--dataroot", "some where", "--version", "v9", "--split", "mini_train"]
    assert train(tmp_path, *dataset, *SHORT) == 0
    said = capsys.readouterr().out
    assert "drivetr test" in said
    assert "--dataroot 'some where' --version v9 --split SPLIT" in said
    config = read_checkpoint(tmp_path / "last.pth")["meta"]["config"]
    assert config["train_data"]["split"] == "mini_train"
    assert config["test_data"] == {
        **config["test_data"], "dataroot": "some where", "version": "v9", "split": "val"
    }  # fmt: skip


def test_the_test_command_keeps_the_split_of_the_same_version(tmp_path, capsys):
    assert train(tmp_path, "--version", "v", "--split", "part", *SHORT) == 0
    assert "--version v --split val" in capsys.readouterr().out


def test_flags_reach_the_run(tmp_path):
    assert (
        train(tmp_path, *SHORT, "--seed", "7", "--amp", "--cfg-options", "model.num_queries=5") == 0
    )
    content = read_checkpoint(tmp_path / "last.pth")
    assert content["meta"]["seed"] == 7
    assert content["meta"]["config"]["amp"] == "bf16"
    assert content["spec"]["model"]["num_queries"] == 5


def test_resume_by_name_and_by_path(tmp_path):
    assert train(tmp_path / "a", *SHORT) == 0
    assert train(tmp_path / "a", *SHORT, "--resume") == 0
    assert train(tmp_path / "b", *SHORT, "--resume", str(tmp_path / "a/last.pth")) == 0
    assert train(tmp_path / "b", *SHORT, "--resume", str(tmp_path / "none.pth")) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--cfg-options", "model.num_querys=3"], "did you mean 'num_queries'"),
        (["--cfg-options", "nonsense"], "not of the form key=value"),
        (["--cfg-options", "amp=fp16"], "needs a CUDA device"),
        (["--cfg-options", "train_data.version=bad", "train_data.num_workers=0"], "not_finite_"),
        (["--device", "toaster"], "--device toaster"),
        (["--device", "meta"], "is not supported"),
        (["--launcher", "pytorch"], "torchrun"),
        (["--cfg-options", "model.backbone.init=None"], "--from-scratch"),
    ],
)
def test_mistakes_end_in_one_sentence_and_status_2(tmp_path, capsys, arguments, said):
    assert train(tmp_path, *arguments) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("drivetr train: ")
    assert said in error


def test_from_scratch(tmp_path):
    options = [*SHORT, "model.backbone.init=None", "--from-scratch"]
    assert train(tmp_path, *options) == 0


@pytest.mark.slow
def test_two_processes_with_torchrun(tmp_path):
    """Also that a run of two processes resumes to the same state."""
    sys.path.insert(0, str(ROOT))
    from benchmarks.kill_resume import differences

    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
    ]
    command = [*launch, "-m", "drivetr.cli.main", "train", TINY, "--launcher", "pytorch"]
    command += [
        "--device",
        "cpu",
        "--cfg-options",
        "schedule.iterations=8",
        "checkpoint.interval=4",
    ]
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    subprocess.run([*command, "--work-dir", str(whole)], cwd=ROOT, check=True)
    resume = ["--resume", str(whole / "iter_4.pth")]
    subprocess.run([*command, "--work-dir", str(parted), *resume], cwd=ROOT, check=True)
    assert not {"model", "ema", "optimizer", "rng"} & set(differences(parted, whole))
    assert len(read_checkpoint(whole / "last.pth")["rng"]) == 2


def test_amp_on_a_cpu_is_bf16_also_where_the_config_has_fp16(tmp_path):
    assert train(tmp_path, *SHORT, "amp=fp16", "--amp") == 0
    assert read_checkpoint(tmp_path / "last.pth")["meta"]["config"]["amp"] == "bf16"
