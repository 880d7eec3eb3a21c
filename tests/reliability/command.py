"""The command as a user calls it, and what is promised of its words."""

import contextlib
import io
import os
import re
from pathlib import Path

from drivetr.cli.main import STATUS_USER_ERROR, main
from drivetr.data.nuscenes.index import open_index
from tests.clip_world import write_truth
from tests.reliability.world import VERSION, World

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests/engine/tiny_config.py"
TINY_COCO = ROOT / "tests/engine/tiny_coco_config.py"
TINY_PETR = ROOT / "tests/engine/tiny_petr_config.py"


def call(*words: str | Path) -> tuple[int, str, str]:
    """Status, stdout and stderr of `drivetr WORDS`."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([str(word) for word in words])
    return status, out.getvalue(), err.getvalue()


def accepted(*words: str | Path) -> str:
    """All that a command says that succeeds."""
    status, out, err = call(*words)
    assert status == 0, err
    return out + err


def refused(*words: str | Path, table: bool = False) -> str:
    """The sentence, without the command's name, of a command that ends in status 2.

    Progress bars and lines of the log may stand before it; nothing stands behind it, but for rows
    of a table where one is expected.
    """
    status, out, err = call(*words)
    assert status == STATUS_USER_ERROR, err
    assert "Traceback" not in out + err
    lines = [line for line in re.split(r"[\r\n]", err) if line.strip()]
    start = f"drivetr {words[0]}: "
    (place,) = [i for i, line in enumerate(lines) if line.startswith(start)]
    assert table or place == len(lines) - 1, "one sentence"
    return "\n".join(lines[place:]).removeprefix(start)


def training(config: Path, run: Path, *options: str | Path) -> list[str | Path]:
    """`drivetr train` on the CPU."""
    return ["train", config, "--work-dir", run, "--device", "cpu", *options]


def surroundings(**changes: str) -> dict[str, str]:
    """The environment of a process that finds drivetr, and threads that leave others room."""
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | changes


def within_reach(world: World) -> World:
    """The dataset on disk, its objects around the car, where they count."""
    for number, row in enumerate(world.tables["sample_annotation"]):
        row["translation"] = [1005.0 + number % 20, 1997.0 + number % 7, 1.0]
    return world.write()


def true_results(world: World, path: Path, split: str = "all") -> Path:
    """A submission that repeats the truth of a split of a dataset on disk."""
    return write_truth(open_index(world.root, VERSION), split, path)
