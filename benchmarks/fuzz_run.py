"""Runs mutated inputs in processes of their own, with limits, and tells what became of each."""

import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

from benchmarks.fuzz_mutations import Mutation
from drivetr.errors import DrivetrError

MEMORY_BYTES = 2**30  # that one input may take above what the process has
SECONDS = 20.0  # that one input may take
_SILENCE = 3 * SECONDS  # after which a process is killed from outside
_BLOCK = 250  # inputs of one process


@dataclass(frozen=True)
class Target:
    """A kind of file, and what drivetr does with it.

    Attributes:
        name: of the kind.
        prepare: writes a whole folder in which every file is right.
        files: patterns of the files that are mutated, one at a time.
        mutate: changes the content of one.
        use: reads the folder as a command would. It may return or raise a DrivetrError.
    """

    name: str
    prepare: Callable[[Path], object]
    files: tuple[str, ...]
    mutate: Mutation
    use: Callable[[Path], object]


@dataclass
class Tally:
    """What became of the inputs of a kind.

    Attributes:
        accepted: how many were used to the end.
        refused: how many ended in a DrivetrError.
        findings: other ends, by what happened and where, and how often.
    """

    accepted: int = 0
    refused: int = 0
    findings: Counter[str] = field(default_factory=Counter)

    @property
    def tried(self) -> int:
        """All inputs."""
        return self.accepted + self.refused + self.findings.total()

    def to_data(self) -> dict[str, Any]:
        """The counts as JSON has them."""
        return {**vars(self), "findings": dict(self.findings), "tried": self.tried}


class _Hang(BaseException):
    """An input that takes too long; no `except Exception` stops it."""


def fuzz(target: Target, seed: int, count: int, folder: Path, keep: Path | None = None) -> Tally:
    """Tries mutated inputs of one kind.

    Args:
        target: the kind.
        seed: with the number of an input it tells what the input is.
        count: how many.
        folder: a fresh one, to work in.
        keep: where inputs that are findings are kept, as KIND-NUMBER-FILE.
    """
    tally = Tally()
    target.prepare(folder)
    files = sorted(path for pattern in target.files for path in folder.glob(pattern))
    if not files:
        raise ValueError(f"{target.name}: nothing matches {target.files}")
    contents = {path: path.read_bytes() for path in files}
    first = 0
    while first < count:
        numbers = range(first, min(first + _BLOCK, count))
        for number, outcome in _block(target, seed, numbers, contents, folder):
            first = number + 1
            if outcome in ("accepted", "refused"):
                setattr(tally, outcome, getattr(tally, outcome) + 1)
                continue
            tally.findings[outcome] += 1
            if keep is not None:
                path, content = _input(target, seed, number, contents)
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{target.name}-{number}-{path.name}").write_bytes(content)
    return tally


def _input(
    target: Target, seed: int, number: int, contents: dict[Path, bytes]
) -> tuple[Path, bytes]:
    """The file that input `number` changes, and its content."""
    rng = Random(f"{seed}/{target.name}/{number}")
    path = rng.choice(list(contents))
    return path, target.mutate(contents[path], rng)


def _block(
    target: Target, seed: int, numbers: range, contents: dict[Path, bytes], folder: Path
) -> Iterator[tuple[int, str]]:
    """Number and outcome of each input of one process, until it dies, which is an outcome too."""
    reader, writer = os.pipe()
    process = os.fork()
    if not process:
        os.close(reader)
        _work(target, seed, numbers, contents, folder, writer)
    os.close(writer)
    number = numbers.start
    with os.fdopen(reader) as lines:
        while True:
            if not select.select([lines], [], [], _SILENCE)[0]:
                os.kill(process, signal.SIGKILL)
            line = lines.readline()
            if not line:
                break
            yield number, json.loads(line)
            number += 1
    _, status = os.waitpid(process, 0)
    if number < numbers.stop:
        for path, content in contents.items():
            path.write_bytes(content)
        yield number, f"the process died ({os.waitstatus_to_exitcode(status)})"


def _work(
    target: Target,
    seed: int,
    numbers: range,
    contents: dict[Path, bytes],
    folder: Path,
    writer: int,
) -> None:
    """The process: every input in turn, a line of JSON for each outcome."""
    status = 1
    try:
        null = os.open(os.devnull, os.O_WRONLY)  # bars and tables of the commands
        os.dup2(null, 1)
        os.dup2(null, 2)
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY_BYTES, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGALRM, _stop)
        for number in numbers:
            path, content = _input(target, seed, number, contents)
            path.write_bytes(content)
            outcome = _outcome(target, folder)
            path.write_bytes(contents[path])
            os.write(writer, (json.dumps(outcome) + "\n").encode())
        status = 0
    finally:
        os._exit(status)


def _stop(number: int, frame: FrameType | None) -> None:
    raise _Hang


def _outcome(target: Target, folder: Path) -> str:
    marker = folder / "marker"
    try:
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        target.use(folder)
        outcome = "accepted"
    except DrivetrError:
        outcome = "refused"
    except BaseException as error:
        outcome = f"{type(error).__name__.strip('_')} {str(error)[:80]!r} at {_place(error)}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if marker.exists():
        marker.unlink()
        return "the marker was written: code of the input ran"
    return outcome


def _place(error: BaseException) -> str:
    """The innermost line of drivetr that an error went through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if f"{os.sep}drivetr{os.sep}" in frame.filename]
    inner = (own or list(frames))[-1]
    return f"{Path(inner.filename).name}:{inner.lineno}"


def told(tallies: dict[str, Tally]) -> str:
    """The table of all kinds, and the findings below it."""
    lines = [f"{'kind':14}{'tried':>8}{'accepted':>10}{'refused':>9}{'findings':>10}"]
    for name, tally in tallies.items():
        lines.append(
            f"{name:14}{tally.tried:8,}{tally.accepted:10,}{tally.refused:9,}"
            f"{tally.findings.total():10,}"
        )
    total = sum(tally.tried for tally in tallies.values())
    lines.append(f"{'all':14}{total:8,}")
    for name, tally in tallies.items():
        lines += [f"{name}: {count} x {what}" for what, count in tally.findings.most_common()]
    return "\n".join(lines)


def timed(work: Callable[[], dict[str, Tally]]) -> tuple[dict[str, Tally], float]:
    """What `work` returns, and the seconds that it took."""
    start = time.monotonic()
    return work(), time.monotonic() - start


def progress(text: str) -> None:
    """Says on the terminal how far a long run is."""
    print(text, file=sys.stderr, flush=True)
