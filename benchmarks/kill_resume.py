"""Kills a training run again and again and checks that each resumed one ends in the same bytes.

    python benchmarks/kill_resume.py configs/petr/petr_point_synth.py --kills 20 --seed 0 -- \
        --dataroot data/synth --version v1.0-synth --cfg-options schedule.iterations=100

One undisturbed `drivetr train` is the reference. Then, for each kill, a fresh run gets a SIGKILL,
at a time drawn uniformly over the duration of the reference's training, or, for a share of them,
while the file of a checkpoint is being written (seen from outside by its temporary name), and is
resumed with `--resume`. Weights, optimizer, average, random generators and the last logged row of
every iteration must equal those of the reference; time, data_time, memory and eta may differ.
What comes after `--` is handed to every `drivetr train`.
"""

import argparse
import hashlib
import json
import math
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from drivetr.engine.checkpoint import read_checkpoint, unfinished_checkpoints

MACHINE_FIELDS = ("time", "data_time", "memory", "eta")
POLL_S = 0.0005


def digest(checkpoint: Path) -> dict[str, str]:
    """SHA-256 of each part of a checkpoint: every tensor's bytes, and all plain data."""
    content = read_checkpoint(checkpoint)
    sums = {}
    for part, value in content.items():
        sha = hashlib.sha256()
        for piece in _flat(value):
            sha.update(piece)
        sums[part] = sha.hexdigest()
    return sums


def _flat(value: Any) -> Iterator[bytes]:
    """The content of nested dicts and lists in a fixed order."""
    if isinstance(value, dict):
        for key in sorted(value, key=str):
            yield repr(key).encode()
            yield from _flat(value[key])
    elif isinstance(value, list | tuple):
        yield f"{type(value).__name__} {len(value)}".encode()
        for item in value:
            yield from _flat(item)
    elif isinstance(value, torch.Tensor):
        yield f"{value.dtype} {tuple(value.shape)}".encode()
        yield value.contiguous().flatten().view(torch.uint8).numpy().tobytes()
    else:
        yield repr(value).encode()


def last_rows(work_dir: Path) -> dict[int, dict[str, float]]:
    """The last logged row of each iteration over all starts of a run, without machine fields."""
    files = sorted(work_dir.glob("*/vis_data/scalars.json"), key=lambda f: f.parent.parent.name)
    rows: dict[int, dict[str, float]] = {}
    for file in files:
        for line in file.read_text().splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:  # the kill cut it off; the resumed run wrote it again
                continue
            rows[row["iter"]] = {k: v for k, v in row.items() if k not in MACHINE_FIELDS}
    return rows


def start(config: str, work_dir: Path, more: list[str]) -> "subprocess.Popen[bytes]":
    """Starts `drivetr train`; what it says goes to a file beside the work folder."""
    command = [sys.executable, "-m", "drivetr.cli.main", "train", config]
    command += ["--work-dir", str(work_dir), *more]
    with work_dir.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)


def finish(process: "subprocess.Popen[bytes]", work_dir: Path) -> None:
    """Waits for a run that has to succeed."""
    if process.wait() != 0:
        sys.exit(f"a run failed, see {work_dir.with_suffix('.log')}")


def wait_for_training(process: "subprocess.Popen[bytes]", work_dir: Path) -> float:
    """The moment when a run has opened its log folder, which is just before the first iteration."""
    while process.poll() is None and not list(work_dir.glob("*/run.json")):
        time.sleep(0.01)
    return time.monotonic()


def kill_at(process: "subprocess.Popen[bytes]", moment: float) -> None:
    """SIGKILL at a moment of `time.monotonic`, or nothing where the run is over by then."""
    try:
        process.wait(timeout=max(0.0, moment - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()


def kill_in_write(process: "subprocess.Popen[bytes]", work_dir: Path, moment: float) -> bool:
    """SIGKILL during the first write of a checkpoint after a moment.

    Returns:
        whether the write was cut off: its temporary file is still there.
    """
    while process.poll() is None:
        if time.monotonic() >= moment and unfinished_checkpoints(work_dir):
            process.send_signal(signal.SIGKILL)
            process.wait()
            return bool(unfinished_checkpoints(work_dir))
        time.sleep(POLL_S)
    return False


def differences(ours: Path, reference: Path) -> list[str]:
    """The parts of the final state and the iterations of the log in which two runs differ."""
    a, b = digest(ours / "last.pth"), digest(reference / "last.pth")
    parts = [part for part in b if a.get(part) != b[part]]
    rows, expected = last_rows(ours), last_rows(reference)
    return parts + [f"log row {i}" for i in expected if rows.get(i) != expected[i]]


@dataclass(frozen=True)
class Experiment:
    """The run that is killed, and the undisturbed one to compare with.

    Attributes:
        config: config of every run.
        more: further arguments of every `drivetr train`.
        folder: where the work folders go.
        duration: seconds from the first iteration to the end of the undisturbed run.
    """

    config: str
    more: list[str]
    folder: Path
    duration: float = 0.0

    def reference(self) -> "Experiment":
        """Does the undisturbed run and takes its time."""
        work_dir = self.folder / "reference"
        process = start(self.config, work_dir, self.more)
        began = wait_for_training(process, work_dir)
        finish(process, work_dir)
        return replace(self, duration=time.monotonic() - began)

    def kill_and_resume(self, number: int, delay: float, in_write: bool) -> list[str] | None:
        """One run that is killed and resumed.

        Returns:
            what differs from the undisturbed run; None where the kill came too late, or missed the
            write that it was meant for.
        """
        work_dir = self.folder / f"kill_{number:02d}"
        shutil.rmtree(work_dir, ignore_errors=True)
        process = start(self.config, work_dir, self.more)
        moment = wait_for_training(process, work_dir) + delay
        if in_write:
            hit = kill_in_write(process, work_dir, moment)
        else:
            kill_at(process, moment)
            hit = process.returncode == -signal.SIGKILL
        if not hit:
            process.kill()
            process.wait()
            return None
        finish(start(self.config, work_dir, [*self.more, "--resume"]), work_dir)
        return differences(work_dir, self.folder / "reference")


def main() -> None:
    """Runs the experiment and prints how many resumed runs were equal."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("config")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--in-write", type=float, default=0.25, help="share of kills in a write")
    parser.add_argument("--seed", type=int, default=0, help="of the times of the kills")
    parser.add_argument("--folder", type=Path, default=Path("work_dirs/kill_resume"))
    words = sys.argv[1:]
    middle = words.index("--") if "--" in words else len(words)
    args = parser.parse_args(words[:middle])
    shutil.rmtree(args.folder, ignore_errors=True)
    args.folder.mkdir(parents=True)
    experiment = Experiment(args.config, words[middle + 1 :], args.folder).reference()
    rows = len(last_rows(args.folder / "reference"))
    print(f"undisturbed run: {experiment.duration:.1f} s of training, {rows} logged rows")
    draw = random.Random(args.seed)
    num_in_write = math.ceil(args.kills * args.in_write)
    equal = 0
    for number in tqdm(range(args.kills), desc="Killing", unit="run"):
        in_write = number < num_in_write
        different = None
        while different is None:
            delay = draw.random() * experiment.duration
            different = experiment.kill_and_resume(number, delay, in_write)
        equal += not different
        place = "inside the checkpoint write after" if in_write else "at"
        verdict = f"{', '.join(different[:5])} differ" if different else "equal"
        tqdm.write(f"{number:2d}: killed {place} {delay:.2f} s: {verdict}")
    print(
        f"{equal} of {args.kills} resumed runs are equal;"
        f" {num_in_write} of them were killed inside a checkpoint write"
    )
    if equal != args.kills:
        sys.exit(1)


if __name__ == "__main__":
    main()
