"""A small dataset in good order, for a test to break, and the commands that are run on it."""

import contextlib
import io
import json
import re
from pathlib import Path

import torch
from torchvision.io import write_jpeg

from drivetr.cli.main import STATUS_USER_ERROR, main
from tests.data.nuscenes.table_factory import Tables, TableShape, make_tables, write_tables

ROOT = Path(__file__).parents[2]
PETR = str(ROOT / "tests/engine/tiny_petr_config.py")
STREAMPETR = str(ROOT / "tests/engine/tiny_streampetr_config.py")
VERSION = "v1.0-own"
HEIGHT, WIDTH = 32, 64
SMALL = TableShape(scenes=2, samples_per_scene=3, camera_sweeps=1, lidar_sweeps=0, radars=0)


class World:
    """A dataset whose tables are written by `write`, and what a user types about it.

    Each image is noise of its own, each scene a split of its name, and all of them the split "all".

    Attributes:
        root: the dataroot.
        run: work folder of a training, beside the dataroot.
        tables: what `write` writes; tests change it first.
    """

    def __init__(self, root: Path, shape: TableShape = SMALL) -> None:
        self.root = root
        self.run = root.parent / "run"
        self.tables: Tables = make_tables(shape, shuffle=False)
        for row in self.tables["calibrated_sensor"]:
            if row["camera_intrinsic"]:
                row["camera_intrinsic"] = [[48.0, 0, WIDTH / 2], [0, 48.0, HEIGHT / 2], [0, 0, 1.0]]
        for row in self.tables["sample_data"]:
            if row["fileformat"] == "jpg":
                row.update(height=HEIGHT, width=WIDTH)
        self._files = [root / row["filename"] for row in self.tables["sample_data"]]

    def write(self) -> "World":
        """The tables as they are now, the splits, and with the first call all files."""
        generator = torch.Generator().manual_seed(0)
        while self._files:
            path = self._files.pop()
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".jpg":
                noise = torch.randint(0, 256, (3, HEIGHT, WIDTH), generator=generator)
                write_jpeg(noise.to(torch.uint8), str(path))
            else:
                path.touch()
        write_tables(self.root, self.tables, VERSION)
        names = [row["name"] for row in self.tables["scene"]]
        splits = {"all": names} | {name: [name] for name in names}
        (self.root / VERSION / "splits.json").write_text(json.dumps(splits))
        return self

    def table(self, name: str) -> Path:
        """The file of a table."""
        return self.root / VERSION / f"{name}.json"

    def images(self, channel: str = "*", folder: str = "samples") -> list[Path]:
        """The files of keyframes (or sweeps), in the order of their names."""
        return sorted((self.root / folder).glob(f"{channel}/*.jpg"))

    @property
    def verify(self) -> list[str]:
        """`drivetr verify`."""
        return ["verify", str(self.root), "--version", VERSION]

    @property
    def index(self) -> list[str]:
        """`drivetr index`."""
        return ["index", str(self.root), "--version", VERSION]

    def train(self, *options: str, config: str = PETR, split: str = "all") -> list[str]:
        """`drivetr train` for one step, with more `--cfg-options`."""
        named = ["--dataroot", str(self.root), "--version", VERSION, "--split", split]
        steps = ["--cfg-options", "schedule.iterations=1", *options]
        return ["train", config, *named, "--work-dir", str(self.run), "--device", "cpu", *steps]

    def test(self, checkpoint: Path, out: Path) -> list[str]:
        """`drivetr test`, which leaves results.json and metrics.json in `out`."""
        named = ["--dataroot", str(self.root), "--version", VERSION, "--split", "all"]
        return ["test", str(checkpoint), *named, "--work-dir", str(out), "--device", "cpu"]

    def accepted(self, command: list[str]) -> str:
        """What a command says that succeeds and leaves the dataset as it was."""
        status, out, err = self._call(command)
        assert status == 0, err
        return out

    def refused(self, command: list[str]) -> str:
        """The one sentence of a command that ends in status 2 and leaves the dataset as it was.

        What the command printed before, on stdout, stands in front of it. A training that is
        refused has saved nothing, neither whole nor in parts.
        """
        status, out, err = self._call(command)
        assert status == STATUS_USER_ERROR
        assert "Traceback" not in out + err
        told = [line for line in re.split(r"[\r\n]", err) if line.strip()]
        assert told[-1].startswith(f"drivetr {command[0]}: "), "the sentence is the last line"
        assert sum(line.startswith("drivetr ") for line in told) == 1
        if command[0] == "train":
            assert not list(self.run.rglob("*.pth*"))
        return out + told[-1]

    def refused_by_all(self) -> str:
        """The sentence of `drivetr train`, which `index` says too and `verify` lists."""
        indexed, trained = self.refused(self.index), self.refused(self.train())
        assert indexed.removeprefix("drivetr index") == trained.removeprefix("drivetr train")
        assert not list(self.run.glob("*.pth")), "refused before anything is trained"
        fault = trained.removeprefix("drivetr train: ").partition("; `drivetr verify")[0]
        assert fault in self.refused(self.verify)
        return trained

    def _call(self, command: list[str]) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        before = self._content()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(command)
        assert self._content() == before, "the dataset has changed"
        return status, out.getvalue(), err.getvalue()

    def _content(self) -> dict[Path, bytes | Path]:
        """Every file and link of the dataset with what it holds."""
        return {
            path: path.readlink() if path.is_symlink() else path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_symlink() or path.is_file()
        }
