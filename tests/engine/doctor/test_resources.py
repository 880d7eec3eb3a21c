"""What a config needs is what its parts weigh, and is compared with what is there."""

from pathlib import Path

import pytest

from drivetr.engine.config import load_config
from drivetr.engine.doctor.diagnosis import Level
from drivetr.engine.doctor.resources import compared, examine_resources, needs_of
from drivetr.engine.train import RunOptions, train

TINY = Path(__file__).parents[1] / "tiny_config.py"
BALLAST = 2_000_000  # numbers, so that the file's own overhead is small


def test_a_checkpoint_is_as_large_as_was_said(tmp_path):
    options = {"schedule.iterations": 1, "train_data.num_workers": 0, "model.ballast": BALLAST}
    config = load_config(TINY, options)
    written = train(config, RunOptions(tmp_path, device="cpu")).stat().st_size
    needs = needs_of(config)
    assert needs.checkpoint == pytest.approx(written, rel=0.02)
    assert needs.checkpoint > 2 * 4 * BALLAST
    assert needs.checkpoints == 3 * needs.checkpoint


def test_batches_of_workers():
    config = load_config(TINY)
    assert needs_of(config).batches == 3 * 8 * 8 * 2 * 2 * 2  # uint8; batch 2, 2 workers, 2 ahead
    assert needs_of(load_config(TINY, {"train_data.num_workers": 0})).batches == 0


def test_a_config_that_fits(tmp_path):
    found = examine_resources(load_config(TINY), tmp_path / "not" / "yet", "cpu")
    assert [one.level for one in found] == [Level.OK] * len(found)
    assert {one.subject for one in found} == {"disk", "memory"}
    assert str(tmp_path) in found[0].found


def test_one_that_nobody_can_train(tmp_path):
    config = load_config(TINY, {"model.ballast": 2**44})
    disk, memory, *_ = examine_resources(config, tmp_path, "cpu")
    assert (disk.level, memory.level) == (Level.ERROR, Level.ERROR)
    assert "keep fewer: checkpoint.keep" in disk.remedy


def test_one_that_cannot_be_built(tmp_path):
    (found,) = examine_resources(load_config(TINY, {"model.num_querys": 2}), tmp_path, "cpu")
    assert found.level is Level.ERROR
    assert "did you mean 'num_queries'?" in found.found


@pytest.mark.parametrize(
    ("free", "level"),
    [(99, Level.ERROR), (199, Level.WARNING), (200, Level.OK), (None, Level.NOTE)],
)
def test_tight_and_too_little(free, level):
    assert compared("disk", "100 bytes", 100, free, "free some").level is level
