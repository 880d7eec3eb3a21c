"""`drivetr train` of the tiny detector as a command in processes of its own."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.launch import Job, drivetr

ENGINE = Path(__file__).parents[1] / "engine"
CONFIG = ENGINE / "tiny_config.py"
STREAM_CONFIG = ENGINE / "tiny_stream_config.py"
# Three seconds of waiting for data, so that a run can be met in the middle of it.
SLOW = ("train_data.version=slow", "schedule.iterations=60", "checkpoint.interval=6")


def log_of(work_dir: Path) -> Path:
    return work_dir.with_name(f"{work_dir.name}.log")


def start(
    work_dir: Path,
    *flags: str,
    config: Path = CONFIG,
    processes: int = 1,
    options: Sequence[str] = (),
) -> Job:
    """Starts a run on the CPU; `options` are those of `--cfg-options`."""
    arguments = ["train", str(config), "--work-dir", str(work_dir), "--device", "cpu", *flags]
    arguments += ["--cfg-options", *options] if options else []
    return drivetr(arguments, processes, log_of(work_dir))


def said(work_dir: Path) -> str:
    """What all starts of a run wrote to stdout and stderr."""
    return log_of(work_dir).read_text(encoding="utf-8")


def sentence(work_dir: Path) -> str:
    """The sentence that a run ended with, after making sure that no traceback went before."""
    text = said(work_dir)
    assert "Traceback" not in text, text
    (line,) = {line for line in text.splitlines() if line.startswith("drivetr train: ")}
    return line


def wait_until(seen: Callable[[], object], run: Job, work_dir: Path) -> None:
    """Waits for something that a run does before its end."""
    while not seen():
        assert run.is_alive(), said(work_dir)
        time.sleep(0.005)


def children_of(pid: int | None) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
