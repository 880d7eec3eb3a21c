"""Splits are looked up as in the devkit, and a wrong one is told with those there are."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from nuscenes.utils.splits import create_splits_scenes, get_scenes_of_split

from drivetr.data.nuscenes.index import open_index
from drivetr.data.nuscenes.splits import scenes_of_split, splits_of_version
from drivetr.errors import DrivetrError
from drivetr.structures.splits import OFFICIAL_SPLITS
from tests.data.nuscenes.table_factory import make_tables, write_tables


def write_splits(root: Path, version: str, splits: object) -> None:
    """Writes a version's splits.json."""
    (root / version).mkdir(exist_ok=True)
    (root / version / "splits.json").write_text(json.dumps(splits))


@pytest.mark.parametrize("split", sorted(OFFICIAL_SPLITS))
def test_official_lists_are_the_devkits(tmp_path: Path, split: str):
    version = f"v1.0-{OFFICIAL_SPLITS[split]}"
    assert scenes_of_split(tmp_path, version, split) == create_splits_scenes()[split]


def test_custom_split_as_the_devkit_reads_it(tmp_path: Path):
    write_splits(tmp_path, "v1.0-own", {"mine": ["scene-0001"], "yours": []})
    nusc = SimpleNamespace(dataroot=str(tmp_path), version="v1.0-own")
    assert scenes_of_split(tmp_path, "v1.0-own", "mine") == get_scenes_of_split("mine", nusc)
    assert splits_of_version(tmp_path, "v1.0-own") == ["mine", "yours"]


@pytest.mark.parametrize(
    ("version", "split", "listed"),
    [
        ("v1.0-mini", "train", "mini_train, mini_val"),
        ("v1.0-trainval", "mini_val", "train, val, train_detect, train_track"),
        ("v1.0-own", "val", "mine"),
        ("v1.0-own", "theirs", "mine"),
        ("v1.0-bare", "val", "none"),
    ],
)
def test_a_split_of_another_version_lists_those_there_are(
    tmp_path: Path, version: str, split: str, listed: str
):
    write_splits(tmp_path, "v1.0-own", {"mine": ["scene-0001"]})
    with pytest.raises(DrivetrError, match=f"no split '{split}'; its splits: {listed} "):
        scenes_of_split(tmp_path, version, split)


def test_splits_nested_too_deeply(tmp_path: Path):
    write_splits(tmp_path, "v1.0-own", {})
    (tmp_path / "v1.0-own" / "splits.json").write_text("[" * 100_000)
    with pytest.raises(DrivetrError, match="splits.json: is not valid JSON"):
        scenes_of_split(tmp_path, "v1.0-own", "mine")


@pytest.mark.parametrize("splits", [["mine"], {"mine": "scene-0001"}, {"mine": [1]}])
def test_wrong_splits_file(tmp_path: Path, splits: object):
    write_splits(tmp_path, "v1.0-own", splits)
    with pytest.raises(DrivetrError, match="splits.json: expected an object of lists"):
        scenes_of_split(tmp_path, "v1.0-own", "mine")


def test_splits_file_that_is_no_json(tmp_path: Path):
    (tmp_path / "v1.0-own").mkdir()
    (tmp_path / "v1.0-own" / "splits.json").write_text("{")
    with pytest.raises(DrivetrError, match="splits.json: is not valid JSON"):
        scenes_of_split(tmp_path, "v1.0-own", "mine")


class TestSamplesOfSplit:
    def test_rows_in_scene_order_then_time(self, tmp_path: Path):
        root = write_tables(tmp_path / "data", make_tables(), "v1.0-own")
        write_splits(root, "v1.0-own", {"mine": ["scene-0001", "scene-0000", "scene-7777"]})
        index = open_index(root, "v1.0-own", tmp_path)
        rows = index.samples_of_split("mine").tolist()
        assert rows == list(range(12))
        keys = [(index.sample(r).scene_row, index.sample(r).timestamp_us) for r in rows]
        assert keys == sorted(keys)

    def test_split_without_scenes_here(self, tmp_path: Path):
        root = write_tables(tmp_path / "data", make_tables())
        index = open_index(root, "v1.0-mini", tmp_path)
        with pytest.raises(DrivetrError, match="none of its 2 scenes.*scene-0000, scene-0001"):
            index.samples_of_split("mini_val")

    def test_cut_real_set(self, nuscenes_real: Path, tmp_path: Path):
        index = open_index(nuscenes_real, "v1.0-mini", tmp_path)
        assert index.samples_of_split("mini_train").tolist() == [0]
        assert index.samples_of_split("mini_val").tolist() == [1, 2]


def test_own_list_under_an_official_name(tmp_path: Path):
    (tmp_path / "v1.0-mine").mkdir()
    (tmp_path / "v1.0-mine" / "splits.json").write_text('{"val": ["a"], "mine": ["a"]}')
    assert splits_of_version(tmp_path, "v1.0-mine") == ["mine"]
    with pytest.raises(DrivetrError, match=r"call yours something else, such as 'my_val'"):
        scenes_of_split(tmp_path, "v1.0-mine", "val")
