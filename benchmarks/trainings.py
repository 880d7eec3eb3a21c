"""Trainings of a table: each in its own process, resumed or kept when it is asked for again."""

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from drivetr.engine.api import load_detector
from drivetr.engine.test import test
from drivetr.files import atomic_text


@dataclass(frozen=True)
class Line:
    """One training.

    Attributes:
        config: config file.
        options: `--cfg-options`.
    """

    config: str
    options: tuple[str, ...] = ()


def train(line: Line, dataset: tuple[str, str, str], work_dir: Path, seed: int) -> Path:
    """Trains a line, or goes on with it; returns the last checkpoint.

    Args:
        line: what is trained.
        dataset: dataroot, version and split.
        work_dir: of the run; its log lies beside it.
        seed: of everything random.
    """
    command = [sys.executable, "-m", "drivetr.cli.main", "train", line.config]
    for flag, value in zip(("--dataroot", "--version", "--split"), dataset, strict=True):
        command += [flag, value]
    command += ["--work-dir", str(work_dir), "--seed", str(seed), "--resume", "auto"]
    if line.options:
        command += ["--cfg-options", *line.options]
    log_file = work_dir.with_suffix(".log")
    with log_file.open("a") as log:
        status = subprocess.run(command, stdout=log, stderr=log, check=False).returncode
    if status != 0:
        sys.exit(f"the training failed, see {log_file}")
    return work_dir / "last.pth"


def train_and_test(
    line: Line, dataset: tuple[str, str], splits: tuple[str, str], work_dir: Path, seed: int
) -> dict[str, Any]:
    """Trains a line from a seed, or goes on with it, and tests it on the processor.

    Args:
        line: what is trained.
        dataset: dataroot and version.
        splits: for the training and for the test.
        work_dir: of the run; the results are in it.
        seed: of everything random.

    Returns:
        the line, `seed`, `training_cpu_s` with those of the loaders, and the judge's `metrics`.
    """
    before = _cpu_seconds()
    checkpoint = train(line, (*dataset, splits[0]), work_dir, seed)
    spent = _cpu_seconds() - before
    metrics = work_dir / "metrics.json"
    loaded = load_detector(checkpoint, "cpu")
    test(loaded, (*dataset, splits[1]), work_dir / "results.json", metrics)
    found = json.loads(metrics.read_text())
    return asdict(line) | {"seed": seed, "training_cpu_s": round(spent), "metrics": found}


def _cpu_seconds() -> float:
    """Of all processes that this one has started and seen end."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def kept(file: Path, make: Callable[[], Any]) -> Any:
    """The JSON in `file`, which `make` gives where it is absent."""
    if not file.exists():
        content = make()
        with atomic_text(file) as out:
            json.dump(content, out, indent=1)
    return json.loads(file.read_text())


def file_name(name: str) -> str:
    """A line's name as the name of its files."""
    return "".join(letter if letter.isalnum() else "_" for letter in name.replace("'", ""))
