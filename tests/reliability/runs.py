"""`drivetr train` of the tiny detector as a command in processes of its own."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.launch import Job, drivetr

ENGINE = Path(__file__).parents[1] / "engine"
CONFIG = ENGINE / "tiny_config.py"
STREAM_CONFIG = ENGINE / "tiny_stream_config.py"
# The parts of a checkpoint that training changes; the rest tells how it came about.
STATE = {"model", "ema", "optimizer", "rng", "memory", "recovery", "log"}


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
