"""Kills a training run again and again and checks that each resumed one ends in the same bytes.

    python -m benchmarks.kill_resume configs/petr/petr_point_synth.py --kills 20 --seed 0 -- \
        --dataroot data/synth --version v1.0-synth --cfg-options schedule.iterations=100

One undisturbed `drivetr train` is the reference. Then, for each kill, a fresh run gets a SIGKILL,
at a time drawn uniformly over the duration of the reference's training, or, for a share of them,
while the file of a checkpoint is being written (seen from outside by its temporary name), and is
resumed with `--resume`. Weights, optimizer, average, random generators and the last logged row of
every iteration must equal those of the reference; time, data_time, memory and eta may differ.
With `--processes 2` a rank drawn at random is killed, and the other one has to end by itself.
What comes after `--` is handed to every `drivetr train`. Each kill's outcome is a line of
`kills.jsonl` in the folder; the same command goes on behind the last one.
"""

import argparse
import hashlib
import json
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from benchmarks.launch import Job, drivetr
from drivetr.engine.checkpoint import read_checkpoint, unfinished_checkpoints

MACHINE_FIELDS = ("time", "data_time", "memory", "eta")


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
        processes: of every run.
    """

    config: str
    more: list[str]
    folder: Path
    processes: int

    def start(self, work_dir: Path, *flags: str) -> Job:
        """Starts `drivetr train`; what it says goes to a file beside the work folder."""
        arguments = ["train", self.config, "--work-dir", str(work_dir), *flags, *self.more]
        return drivetr(arguments, self.processes, work_dir.with_suffix(".log"))

    def began(self, run: Job, work_dir: Path) -> float:
        """The moment when a run has opened its log folder, just before the first iteration."""
        while run.is_alive() and not list(work_dir.glob("*/run.json")):
            time.sleep(0.005)
        return time.monotonic()

    def finish(self, run: Job, work_dir: Path) -> None:
        """Waits for a run that has to succeed."""
        if run.wait() != [0] * self.processes:
            sys.exit(f"a run failed, see {work_dir.with_suffix('.log')}")

    def reference(self) -> float:
        """Seconds of training of the undisturbed run, which is done unless it is there."""
        work_dir, timed = self.folder / "reference", self.folder / "seconds.txt"
        if not timed.exists():
            shutil.rmtree(work_dir, ignore_errors=True)
            run = self.start(work_dir)
            began = self.began(run, work_dir)
            self.finish(run, work_dir)
            timed.write_text(str(time.monotonic() - began))
        return float(timed.read_text())

    def kill_and_resume(self, delay: float, in_write: bool, rank: int) -> list[str] | None:
        """One run that is killed and resumed.

        Returns:
            what differs from the undisturbed run; None where the kill came too late, or missed the
            write that it was meant for.
        """
        work_dir = self.folder / "killed"
        shutil.rmtree(work_dir, ignore_errors=True)
        run = self.start(work_dir)
        moment = self.began(run, work_dir) + delay

        def now() -> bool:
            is_time = time.monotonic() >= moment
            return is_time and (not in_write or bool(unfinished_checkpoints(work_dir)))

        hit = run.kill_when(now, rank)
        statuses = run.wait()
        if not hit or (in_write and not unfinished_checkpoints(work_dir)):
            return None
        if statuses.count(-signal.SIGKILL) != 1:
            sys.exit(f"the other processes ended with {statuses}")
        self.finish(self.start(work_dir, "--resume"), work_dir)
        return differences(work_dir, self.folder / "reference")

    def kill(self, number: int, in_write: bool, seed: int, seconds: float) -> dict[str, Any]:
        """Kills at moments drawn for this number until one hits, and says what came of it."""
        draw = random.Random(f"{seed}/{number}")
        while True:
            delay = draw.random() * seconds
            rank = 0 if in_write else draw.randrange(self.processes)  # the first one writes
            different = self.kill_and_resume(delay, in_write, rank)
            if different is not None:
                where = {"delay": round(delay, 3), "in_write": in_write, "rank": rank}
                return {"number": number, **where, "differences": different}


def main() -> None:
    """Runs the experiment and prints how many resumed runs were equal."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("config")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--in-write", type=float, default=0.25, help="share of kills in a write")
    parser.add_argument("--seed", type=int, default=0, help="of the times of the kills")
    parser.add_argument("--processes", type=int, default=1, help="of every run")
    parser.add_argument("--folder", type=Path, default=Path("work_dirs/kill_resume"))
    words = sys.argv[1:]
    middle = words.index("--") if "--" in words else len(words)
    args = parser.parse_args(words[:middle])
    args.folder.mkdir(parents=True, exist_ok=True)
    experiment = Experiment(args.config, words[middle + 1 :], args.folder, args.processes)
    seconds = experiment.reference()
    rows = len(last_rows(args.folder / "reference"))
    print(f"undisturbed run: {seconds:.1f} s of training, {rows} logged rows")
    kills = args.folder / "kills.jsonl"
    done = [json.loads(line) for line in kills.read_text().splitlines()] if kills.exists() else []
    every = max(1, round(1 / args.in_write)) if args.in_write else args.kills + 1
    for number in tqdm(range(len(done), args.kills), desc="Killing", unit="run"):
        done.append(experiment.kill(number, (number + 1) % every == 0, args.seed, seconds))
        with kills.open("a") as file:
            file.write(json.dumps(done[-1]) + "\n")
        tqdm.write(str(done[-1]))
    equal = sum(not kill["differences"] for kill in done)
    in_write = sum(kill["in_write"] for kill in done)
    print(
        f"{equal} of {len(done)} resumed runs are equal; {in_write} of them were killed inside a"
        " checkpoint write"
    )
    if equal != len(done):
        sys.exit(1)


if __name__ == "__main__":
    main()
