"""Rows 1 to 8: tables that are missing, broken or do not agree with each other."""

import ctypes
import json
import os
import re
from pathlib import Path

import pytest

from drivetr.cli.main import main
from drivetr.data.nuscenes.schema import TABLES
from drivetr.errors import DrivetrError
from tests.data.nuscenes.table_factory import key_rows
from tests.reliability.world import VERSION, World


@pytest.mark.parametrize("command", ["verify", "index", "train"])
def test_row_01_missing_dataroot(world: World, command: str):
    words = {"verify": world.verify, "index": world.index, "train": world.train()}[command]
    said = world.refused(words)
    assert f"dataroot {world.root} is not a folder; name the one that holds samples/" in said
    assert not world.root.exists()
    assert not list(world.run.glob("*.pth"))
    with pytest.raises(DrivetrError):  # which Python then shows with its traceback
        main([*words, "--debug"])


@pytest.mark.parametrize("command", ["verify", "index", "train"])
def test_row_02_missing_version(world: World, command: str):
    world.write()
    words = {"verify": world.verify, "index": world.index, "train": world.train()}[command]
    words[words.index(VERSION)] = "v1.0-trainval"
    said = world.refused(words)
    assert f"dataroot {world.root} has no version 'v1.0-trainval'" in said
    assert said.endswith(f"versions found: {VERSION}")


@pytest.mark.parametrize("name", TABLES)
def test_row_03_missing_table(world: World, name: str):
    world.write().table(name).unlink()
    for command in (world.verify, world.index, world.train()):
        said = world.refused(command)
        assert f"{world.root / VERSION}: missing {name}.json; fetch the metadata of" in said
    assert not list(world.run.glob("*.pth"))


@pytest.mark.parametrize("keep", ["half", "nothing", "another format"])
def test_row_04_table_that_is_no_json(world: World, keep: str):
    path = world.write().table("ego_pose")
    whole = path.read_bytes()
    path.write_bytes(
        {"half": whole[: len(whole) // 2], "nothing": b"", "another format": b"token,x,y"}[keep]
    )
    said = world.refused_by_all()
    assert f"{path}: " in said
    assert "expected a list of rows" in said or "is not valid JSON" in said
    if keep == "half":
        place = int(re.search(r"at byte ([\d,]+)", said)[1].replace(",", ""))
        assert len(whole) // 2 - 400 < place <= len(whole) // 2, "in the row that is cut"


def test_row_05_table_that_is_no_list(world: World):
    path = world.write().table("sample")
    path.write_text(json.dumps({row["token"]: row for row in world.tables["sample"]}))
    assert f"{path}: holds a JSON object, expected a list" in world.refused_by_all()


def test_row_06_duplicate_token(world: World):
    rows = world.tables["sample_data"]
    rows.append({**rows[4]})
    said = world.write().refused_by_all()
    assert (
        f"sample_data.json: field token '{rows[4]['token']}' stands in row 4 and in row"
        f" {len(rows) - 1}, expected once; remove one of the rows" in said
    )


def test_row_07_dangling_foreign_key(world: World):
    for row in world.tables["sample_data"][:3]:
        row["calibrated_sensor_token"] = "nowhere"
    said = world.write().refused_by_all()
    fault = "field calibrated_sensor_token 'nowhere' names no row of calibrated_sensor.json"
    assert f"sample_data.json: row 0, {fault}" in said
    verified = world.refused(world.verify)
    assert verified.count(fault) == 3, "not the first only"
    assert "training refuses the dataset until the errors are mended" in verified


class Watch:
    """Tells whether any process opens a file, by the kernel's inotify(7)."""

    IN_OPEN = 0x20

    def __init__(self, path: Path) -> None:
        libc = ctypes.CDLL(None)
        self._events = libc.inotify_init1(os.O_NONBLOCK)
        assert libc.inotify_add_watch(self._events, os.fsencode(path), self.IN_OPEN) > 0

    def opened(self) -> bool:
        """Since the last call."""
        try:
            return bool(os.read(self._events, 4096))
        except BlockingIOError:
            return False


@pytest.mark.parametrize("kind", ["climbing", "absolute", "link", "linked folder"])
def test_row_08_filename_that_leaves_the_dataroot(world: World, tmp_path: Path, kind: str):
    image = next(key_rows(world.tables, "CAM_FRONT"))
    inside, outside = world.root / image["filename"], tmp_path / "outside"
    secret = outside / inside.name
    names = {"climbing": f"../outside/{secret.name}", "absolute": str(secret)}
    image["filename"] = names.get(kind, image["filename"])
    world.write()
    if kind == "linked folder":
        inside.parent.rename(outside)
        inside.parent.symlink_to(outside)
    else:
        outside.mkdir()
        inside.rename(secret)
    if kind == "link":
        inside.symlink_to(secret)
    watch = Watch(secret)
    for command in (world.verify, world.train("train_data.batch_size=6")):
        assert re.search(r"sample_data.json: .*filename '.*'", world.refused(command))
    assert not watch.opened()
    secret.read_bytes()
    assert watch.opened()
