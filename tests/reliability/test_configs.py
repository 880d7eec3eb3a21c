"""Rows 55 to 57: configs and `--cfg-options` that are wrong or hostile."""

import os
from pathlib import Path

import pytest

from tests.reliability.command import TINY, accepted, refused, training

TEXT = TINY.read_text(encoding="utf-8")
BUILDS_ON = "from mmengine.config import read_base\n\nwith read_base():\n    from .{} import *\n"


def write(folder: Path, text: str, name: str = "config.py") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("log_interval =", "log_intervall =", "nothing reads 'log_intervall', did you mean 'log_i"),
        ("backbone=dict(", "backbon=dict(", "has no argument 'backbon', did you mean 'backbone'?"),
        ("iterations=20", "iteration=20", "no argument 'iteration', did you mean 'iterations'?"),
        ("keep=2", "kept=2", "no argument 'kept', did you mean 'keep'?"),
        ("lr=1e-2", "rl=1e-2", "optimizer needs 'lr', found type, rl, module_lr"),
        ("split=\"train\"", "spilt=\"train\"", "did you mean 'split'?"),
        ("iterations=20", "iterations='20'", "iterations is '20', expected a whole number"),
        ("interval = 3", "interval = 2.5", "log_interval is 2.5, expected a whole number"),
        ("lr=1e-2", "lr='fast'", "optimizer has lr 'fast'"),
        ("batch_size=2", "batch_size='two'", "batch_size is 'two', expected a whole number"),
        ("ema = dict(", "ema = list(", "config"),
        ("dict(type=TinyBackbone)", "7", "model.backbone is 7, expected dict(type=...) of a"),
        ("dict(type=TinyCriterion)", "None", "criterion is None, expected a dict"),
    ],
)  # fmt: skip
def test_row_55_misspelt_key_or_wrong_type(tmp_path: Path, old: str, new: str, told: str):
    assert TEXT.count(old) >= 1
    config = write(tmp_path, TEXT.replace(old, new))
    said = refused(*training(config, tmp_path / "run"))
    assert str(config) in said
    assert told in said
    assert not list(tmp_path.rglob("*.pth"))


@pytest.mark.parametrize("fault", ["syntax", "name", "missing base", "circle", "itself", "old"])
def test_row_56_config_that_cannot_be_read(tmp_path: Path, fault: str):
    write(tmp_path, TEXT, "sound.py")
    config = write(tmp_path, {
        "syntax": f"{TEXT}\nmodel = dict(\n",
        "name": f"{TEXT}\nseed = sede\n",
        "missing base": BUILDS_ON.format("nowhere.there"),
        "circle": BUILDS_ON.format("middle"),
        "itself": BUILDS_ON.format("config"),
        "old": f"_base_ = './sound.py'\n{TEXT}",
    }[fault])  # fmt: skip
    middle = write(tmp_path, BUILDS_ON.format("sound") + "    from .config import *\n", "middle.py")
    last = len(TEXT.splitlines()) + 2
    file, line, told = {
        "syntax": (config, last, ": '(' was never closed"),
        "name": (config, last, " cannot be read: name 'sede' is not defined"),
        "missing base": (config, 4, f": builds on {tmp_path / 'nowhere/there.py'}, which does not"),
        "circle": (middle, 5, ": builds on itself (config.py -> middle.py -> config.py)"),
        "itself": (config, 4, ": builds on itself (config.py -> config.py)"),
        "old": (config, 1, ": `_base_ = ...` is the old way"),
    }[fault]
    said = refused(*training(config, tmp_path / "run"))
    assert said.startswith(f"config {file}, line {line}{told}")
    assert not list(tmp_path.rglob("*.pth"))


CODE = "__import__('os').system('touch marker')"


@pytest.mark.parametrize(
    "option",
    [
        f"log_interval={CODE}",
        f"{CODE}=1",
        "model.type=os.system",
        "model.backbone={'type': 'os.system', 'command': 'touch marker'}",
        "model.backbone=dict(type=os.system)",
        "custom_imports={'imports': ['antigravity']}",
        f"train_data.batch_size=[{CODE} for _ in (1,)]",
        "seed=" + "-" * 100_000 + "1",
        "seed=" + "(" * 5000,
    ],
    ids=lambda option: option[:30],
)
def test_row_57_options_that_hold_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
):
    monkeypatch.chdir(tmp_path)
    shown = refused(*training(TINY, tmp_path / "run", "--cfg-options", option))
    assert option.partition("=")[0].partition(".")[0] in shown
    # Where any text will do, code is one.
    short = ("train_data.num_workers=0", "schedule.iterations=1")
    options = ("--cfg-options", *short, f"train_data.split={CODE}")
    accepted(*training(TINY, tmp_path / "other", *options))
    assert "marker" not in os.listdir(tmp_path)
