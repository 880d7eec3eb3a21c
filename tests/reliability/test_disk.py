"""Runs whose disk fills up."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.kill_resume import differences
from drivetr.cli.main import main
from drivetr.engine.checkpoint import list_checkpoints, read_checkpoint, unfinished_checkpoints
from tests.reliability.runs import CONFIG

MEGABYTE = 2**20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 5 MB in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", str(folder)]
    if subprocess.run(mount).returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def train(work_dir: Path, on_error: str, *flags: str) -> int:
    """Checkpoints of 1.5 MB, of which the newest two stay: three never fit on the small disk."""
    options = ["train_data.num_workers=0", f"model.ballast={200_000}"]
    options += [f"checkpoint={{'interval': 4, 'keep': 2, 'on_write_error': '{on_error}'}}"]
    arguments = ["train", str(CONFIG), "--work-dir", str(work_dir), "--device", "cpu", *flags]
    return main([*arguments, "--cfg-options", *options])


def test_row_45_disk_is_full(small_disk, tmp_path, capfd):
    stopped, going_on = small_disk / "stopped", small_disk / "going_on"
    undisturbed = tmp_path / "undisturbed"
    assert train(undisturbed, "stop") == 0
    filler = small_disk / "filler"
    filler.write_bytes(bytes(MEGABYTE))
    assert train(stopped, "stop") == 2
    said = capfd.readouterr().err
    assert f"{stopped}/iter_12.pth cannot be written (No space left on device)" in said
    assert "earlier checkpoints stay as they are: make room and go on with --resume" in said
    assert "Traceback" not in said
    assert [path.name for path in list_checkpoints(stopped)] == ["iter_8.pth", "iter_4.pth"]
    assert all(read_checkpoint(path) for path in list_checkpoints(stopped))
    assert not unfinished_checkpoints(stopped)

    # Room is made, as the sentence says.
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    assert train(stopped, "stop", "--resume") == 0
    assert differences(stopped, undisturbed) == []

    # The other policy trains to the end without the checkpoints that have no room.
    for path in (*stopped.glob("*.pth"), filler):
        path.unlink()
    subprocess.run(["mount", "-o", "remount,size=5m", str(small_disk)], check=True)
    filler.write_bytes(bytes(MEGABYTE))
    assert train(going_on, "continue") == 2
    said = "".join(capfd.readouterr())
    assert said.count("going on without this one") == 2
    assert f"{going_on}/iter_20.pth cannot be written" in said
    assert [path.name for path in list_checkpoints(going_on)] == ["iter_8.pth", "iter_4.pth"]
