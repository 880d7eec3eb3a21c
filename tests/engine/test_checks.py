"""Numbers out of range, wherever a config may give them, and classes that differ."""

from pathlib import Path

import pytest

from drivetr.engine.checks import difference_of_classes
from drivetr.engine.config import load_config
from drivetr.engine.train import RunOptions, train
from drivetr.errors import DrivetrError

CONFIG = Path(__file__).with_name("tiny_config.py")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("schedule.iterations", -5, "iterations is -5, expected a whole number of at least 1"),
        ("schedule.warmup_ratio", "x", "warmup_ratio is 'x', expected a number"),
        ("checkpoint.interval", 0, "interval is 0"),
        ("checkpoint.keep", 0, "keep is 0"),
        ("train_data.batch_size", 0, "batch_size is 0"),
        ("train_data.batch_size", 1.5, "batch_size is 1.5, expected a whole number"),
        ("train_data.num_workers", -1, "num_workers is -1"),
        ("log_interval", 0, "log_interval is 0"),
        ("clip_norm", "abc", "clip_norm is 'abc'"),
        ("seed", -1, "seed is -1"),
        ("seed", True, "seed is True"),
        ("ema", {"decay": 1.0}, "decay is 1.0, expected less than 1"),
        ("ema", 5, "ema is 5, expected a dict"),
        ("model", 5, "model is 5, expected a dict"),
        ("model", None, "model is None, expected a dict"),
        ("train_data", 5, "train_data is 5, expected a dict"),
        ("classes", "car", "classes is 'car', expected a tuple of names"),
        ("optimizer.lr", "abc", "lr 'abc'"),
        ("optimizer.module_lr", 5, "module_lr 5"),
        ("model.backbone", 5, "model.backbone is 5, expected"),
    ],
)
def test_one_sentence_before_the_first_step(tmp_path, key, value, said):
    with pytest.raises(DrivetrError, match=said):
        train(load_config(CONFIG, {key: value}), RunOptions(tmp_path / "run", device="cpu"))
    assert not list(tmp_path.glob("run/*.pth"))


def test_resuming_with_another_config_says_what_differs(tmp_path, capfd):
    short = {"schedule.iterations": 4, "checkpoint.interval": 2, "train_data.num_workers": 0}
    last = train(load_config(CONFIG, short), RunOptions(tmp_path, device="cpu"))
    last.resolve().unlink()
    changed = load_config(CONFIG, {**short, "clip_norm": 1.0, "optimizer.lr": 0.5})
    train(changed, RunOptions(tmp_path, resume="auto", device="cpu"))
    said = capfd.readouterr().out
    assert "the config's clip_norm is not that of the run so far" in said
    assert "the config's optimizer.lr is not that" in said
    assert "the config's seed" not in said


def test_difference_of_classes_names_the_first():
    assert difference_of_classes(("a", "b"), ["a", "b"]) is None
    assert "label 1 is b there and c here" in str(difference_of_classes("ab", "ac"))
    assert "2 classes and the model 1, and label 1 is b there and none here" in str(
        difference_of_classes("ab", "a")
    )
