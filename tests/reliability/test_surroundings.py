"""Rows 73 to 78: what the machine lacks, forbids or does otherwise."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from benchmarks.kill_resume import differences
from benchmarks.launch import Job
from drivetr.engine.checkpoint import read_checkpoint
from tests.engine.doctor.fake_packages import add_distribution
from tests.reliability.apart import NOT_ALLOWED, run_offline, run_on_read_only
from tests.reliability.command import (
    ROOT,
    TINY,
    TINY_COCO,
    TINY_PETR,
    accepted,
    refused,
    surroundings,
    training,
)
from tests.reliability.world import VERSION, World

SHORT = ("--cfg-options", "schedule.iterations=4", "train_data.num_workers=0")
# Several commands in one new interpreter, which imports what they need once.
SEVERAL = """
import sys
from tests.reliability.apart import run_all
commands = [[]]
for word in sys.argv[1:]:
    if word == "--then":
        commands.append([])
    else:
        commands[-1].append(word)
run_all(commands)
"""


def interpreter(commands: Sequence[Sequence[str | Path]], **changes: str) -> tuple[int, str]:
    """Status and words of some commands in a Python whose environment is changed."""
    words = [str(word) for command in commands for word in ("--then", *command)][1:]
    done = subprocess.run(
        [sys.executable, "-c", SEVERAL, *words], cwd=ROOT, env=surroundings(**changes),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.returncode, done.stdout.decode()


def finish(job: Job, log: Path) -> None:
    """Waits for a process apart; skips aloud where it may not have what the test is about."""
    (status,) = job.wait()
    if status == NOT_ALLOWED:
        pytest.skip("a process may not have a network or mounts of its own here")
    assert status == 0, log.read_text(encoding="utf-8")


def a_day(world: World, folder: Path, config: Path) -> list[list[str]]:
    """Commands from a dataset to a film, which write into a folder."""
    named = ["--dataroot", str(world.root), "--version", VERSION, "--split", "all"]
    step = ["--cfg-options", "schedule.iterations=1"]
    page, pictures = str(folder / "page.html"), str(folder / "pictures")
    checkpoint = str(folder / "run/last.pth")
    return [
        world.verify,
        world.index,
        ["train", str(config), *named, "--work-dir", str(folder / "run"), "--device", "cpu", *step],
        ["test", checkpoint, *named, "--work-dir", str(folder / "out"), "--device", "cpu"],
        ["evaluate", str(folder / "out/results.json"), *named, "--out", str(folder / "again.json")],
        ["replay", str(world.root), "--version", VERSION, "--html", page, "--png", pictures],
    ]


def check_day(folder: Path) -> None:
    """What those commands leave is all there."""
    assert read_checkpoint(folder / "run/last.pth")["iteration"] == 1
    metrics = [
        json.loads((folder / name).read_text()) for name in ("out/metrics.json", "again.json")
    ]
    assert metrics[0]["label_aps"] == metrics[1]["label_aps"]
    assert (folder / "page.html").stat().st_size > 0
    assert len(list((folder / "pictures").iterdir())) == 3


def test_row_73_no_gpu(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    if torch.cuda.is_available():
        pytest.skip("this process has a GPU already")
    run = tmp_path / "tiny"  # not that of the world
    train = [word for word in training(TINY, run, *SHORT) if word not in ("--device", "cpu")]
    said = refused(*train, "--device", "cuda")
    assert said == "--device cuda: this torch finds no CUDA device here, use cpu"
    assert not list(run.rglob("*.pth"))
    # Without a device it is the CPU, in mixed precision too: bf16, which has it as well.
    assert " on cpu, " in accepted(*train, "--amp")
    assert read_checkpoint(run / "last.pth")["meta"]["config"]["amp"] == "bf16"

    accepted(*world.write().train())
    test = world.test(world.run / "last.pth", tmp_path / "out")
    said = accepted(*(word for word in test if word not in ("--device", "cpu")))
    assert f"Testing {world.run / 'last.pth'} on cpu" in said


@pytest.mark.slow  # interpreters of their own
def test_row_74_packages_that_do_not_fit(tmp_path: Path):
    """Told by real metadata beside that of what is installed; all else goes on."""
    packages = tmp_path / "packages"
    for name, version in (
        ("opencv-python", "4.12.0.88"), ("numpy", "2.3.0"), ("setuptools", "82.0.0"),
    ):  # fmt: skip
        add_distribution(packages, name, version)
    commands = [["doctor"], training(TINY, tmp_path / "run", *SHORT)]
    status, said = interpreter(commands, PYTHONPATH=f"{ROOT}:{packages}")
    assert status == 0, said
    lines = said.splitlines()
    for fault, remedy in (
        ("opencv-python and opencv-python-headless are installed together", "pip uninstall -y op"),
        ("numpy is installed twice: ", "pip install --force-reinstall numpy"),
        ("nuscenes-devkit needs numpy", 'pip install "numpy'),
        ("no pkg_resources (setuptools 82.0.0 has none)", 'pip install "setuptools<82"'),
    ):
        (place,) = [i for i, line in enumerate(lines) if fault in line]
        assert remedy in lines[place + 1]
    assert (tmp_path / "run/last.pth").is_file()


def test_row_75_offline(tmp_path: Path):
    words = [str(word) for word in training(TINY, tmp_path / "run", *SHORT, "log_interval=1")]
    log = tmp_path / "said.log"
    finish(Job(run_offline, [words], log=log), log)
    (scalars,) = (tmp_path / "run").glob("*/vis_data/scalars.json")
    rows = [json.loads(line) for line in scalars.read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert all(row["loss"] > 0 for row in rows)
    assert list(scalars.parent.glob("events.out.tfevents.*")), "and TensorBoard's own"


@pytest.mark.parametrize("door", ["index", "verify", "train", "coco", "evaluate", "test", "init"])
def test_row_76_remote_storage(tmp_path: Path, door: str):
    """There is no remote storage to wait for: an address is refused for what it is."""
    run = tmp_path / "run"
    named = ["--dataroot", "s3://bucket/nuscenes", "--version", "v1.0-mini"]
    split = ["--split", "mini_val"]
    weights = "https://example.org/nuscenes"
    command = {
        "index": ["index", "s3://bucket/nuscenes", *named[2:]],
        "verify": ["verify", "s3://bucket/nuscenes", *named[2:]],
        "train": training(TINY_PETR, run, *named),
        "coco": training(TINY_COCO, run, *named[:2]),
        "evaluate": ["evaluate", tmp_path / "results.json", *named, *split],
        "test": ["test", "s3://bucket/nuscenes"],
        "init": training(TINY, run, *SHORT, f"model.backbone.init={weights}"),
    }[door]
    address = weights if door == "init" else "s3://bucket/nuscenes"
    assert f"{address} is an address, but drivetr reads local files and folders" in refused(
        *command
    )
    assert not list(run.rglob("*.pth"))


@pytest.mark.parametrize(
    "fault",
    ["clock", pytest.param("locale", marks=pytest.mark.slow)],  # a new interpreter
)
def test_row_77_clock_locale_and_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str):
    if fault == "clock":
        accepted(*training(TINY, tmp_path / "steady", *SHORT))
        now, calls = time.time, iter(range(10**9))
        # An hour forth, then a day back, again and again.
        monkeypatch.setattr(time, "time", lambda: now() + (3600, -86400)[next(calls) // 7 % 2])
        accepted(*training(TINY, tmp_path / "jumping", *SHORT))
        assert differences(tmp_path / "jumping", tmp_path / "steady") == []
        return
    folder = tmp_path / "Übung 1 – ß 東京"
    world = World(folder / "Daten ä")
    world.tables["scene"][0]["description"] = "Zürich, nachts"
    config = folder / "konfig ü.py"
    world.write()
    config.write_text(TINY_PETR.read_text().replace('"""A PETR', '"""Übung: a PETR', 1), "utf-8")
    synth = ["synth", folder / "Welt", *["--size", "16x32", "--scenes", "2", "--val-scenes", "1"],
             *["--frames-per-scene", "1", "--workers", "1"]]  # fmt: skip
    shapes = ["synth", folder / "Formen", "--shapes", "1", "1"]
    # Nothing but ASCII, and Python is kept from taking UTF-8 for it all the same.
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    status, said = interpreter([*a_day(world, folder, config), synth, shapes], **ascii_only)
    assert status == 0, said
    assert "Traceback" not in said
    assert "Logging error" not in said
    check_day(folder)
    (log,) = (folder / "run").glob("*/*.log")
    assert str(folder / "run/iter_1.pth") in log.read_text("utf-8")
    assert len(list((folder / "Welt/maps").glob("*.png"))) > 0
    assert len(list((folder / "Formen").rglob("*.png"))) == 2


def test_row_78_read_only_dataset(tmp_path: Path):
    world = World(tmp_path / "data").write()
    before = {path: path.stat().st_mtime_ns for path in world.root.rglob("*")}
    log = tmp_path / "said.log"
    commands = a_day(world, tmp_path, TINY_PETR)
    finish(Job(run_on_read_only, [world.root, commands], log=log), log)
    check_day(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in world.root.rglob("*")} == before
    (world.root / "x").touch()  # it was the mount that forbade this
