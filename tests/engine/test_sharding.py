"""FSDP2 on two processes: the same training as without, and the same kind of checkpoint."""

from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks.kill_resume import differences
from benchmarks.launch import Job
from drivetr.engine.checkpoint import checkpoint_path, read_checkpoint
from drivetr.engine.sharding import local, shard_blocks, sharded_like, whole
from drivetr.errors import DrivetrError
from tests.engine.test_ranks import start
from tests.engine.tiny import TinyBackbone, TinyDetector, TinyTransformer

CONFIG = "tiny_vit_config.py"
OPTIONS = ["checkpoint.interval=8", "checkpoint.keep=9"]
SHARDED = [*OPTIONS, "fsdp=('backbone',)"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the work folders `plain` and `sharded`, of two processes each."""
    folder = tmp_path_factory.mktemp("sharding")
    assert start(folder / "plain", 2, CONFIG, *OPTIONS).wait() == [0, 0]
    assert start(folder / "sharded", 2, CONFIG, *SHARDED).wait() == [0, 0]
    return folder


def assert_same_state(ours: Path, theirs: Path) -> None:
    """Up to rounding in float64: the norm that clips the gradient is summed in parts."""
    a, b = read_checkpoint(ours), read_checkpoint(theirs)
    for part in ("model", "ema"):
        torch.testing.assert_close(a[part], b[part], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(
        a["optimizer"]["state"], b["optimizer"]["state"], rtol=1e-10, atol=1e-10
    )


def test_weights_average_and_optimizer_equal_unsharded_training(runs):
    assert "3 blocks of backbone sharded over 2" in (runs / "sharded.log").read_text()
    for step in (8, 16, 20):
        assert_same_state(
            checkpoint_path(runs / "sharded", step), checkpoint_path(runs / "plain", step)
        )


def test_resumed_sharded_run_ends_in_the_same_bytes(runs, tmp_path):
    middle = str(checkpoint_path(runs / "sharded", 8))
    job = start(tmp_path / "run", 2, CONFIG, *SHARDED, "--resume", middle)
    assert job.wait() == [0, 0]
    parts = {part for part in differences(tmp_path / "run", runs / "sharded") if "row" not in part}
    assert parts == set()


def test_checkpoint_goes_on_unsharded_and_back(runs, tmp_path):
    for name, options in (("sharded", OPTIONS), ("plain", SHARDED)):
        middle = str(checkpoint_path(runs / name, 8))
        job = start(tmp_path / name, 2, CONFIG, *options, "--resume", middle)
        assert job.wait() == [0, 0]
        assert_same_state(tmp_path / name / "last.pth", runs / name / "last.pth")


def parts_of_blocks(folder: str) -> None:
    """In each of two processes: how much of a block is held, and a tensor cut and put together."""
    from torch import distributed

    from drivetr.engine.devices import process_group

    with process_group("pytorch"):
        model = nn.ModuleDict({"detector": TinyDetector(TinyTransformer())})
        before = {name: p.numel() for name, p in model.named_parameters()}
        blocks = shard_blocks(model, ("backbone",), "c.py")
        held = {name: local(p).numel() for name, p in model.named_parameters()}
        weight = model.get_parameter(f"{blocks[0]}.ln_1.weight")
        value = torch.arange(4.0)
        assert torch.equal(whole({"w": [sharded_like(value, weight)]})["w"][0], value)
        rank = distributed.get_rank()
        torch.save([blocks, before, held], Path(folder, f"rank{rank}.pth"))


def test_each_process_holds_its_part_of_the_blocks(tmp_path):
    assert Job(parts_of_blocks, [str(tmp_path)], processes=2).wait(120) == [0, 0]
    ranks = [torch.load(tmp_path / f"rank{r}.pth", weights_only=True) for r in range(2)]
    blocks, before, _ = ranks[0]
    assert len(blocks) == 3
    for name, size in before.items():
        held = [rank[2][name] for rank in ranks]
        if name.startswith(tuple(blocks)):
            assert sum(held) == size, name
            assert max(held) < size, name
        else:
            assert held == [size, size], name


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("bakbone",), "has not, did you mean 'backbone'"),
        (("boxes",), "'boxes', which has no list of blocks"),
    ],
)
def test_mistakes(names, said):
    model = nn.ModuleDict({"detector": TinyDetector(TinyBackbone())})
    with pytest.raises(DrivetrError, match=said):
        shard_blocks(model, names, "c.py")


def test_one_process_has_nobody_to_share_with(tmp_path):
    assert start(tmp_path / "run", 1, CONFIG, *SHARDED).wait() == [2]
    assert "fsdp shares weights between processes, and there is one" in (
        (tmp_path / "run.log").read_text()
    )
