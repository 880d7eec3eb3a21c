"""Datasets and indexes with real faults."""

import json
import shutil
from pathlib import Path

import pytest

from drivetr.data.nuscenes.build import ensure_index
from drivetr.engine.doctor.dataset import examine_dataset
from drivetr.engine.doctor.diagnosis import Diagnosis, Level
from tests.data.coco.small import write_small_coco
from tests.data.nuscenes.table_factory import TableShape, make_tables, write_tables

SMALL = TableShape(scenes=1, samples_per_scene=2, camera_sweeps=0, radars=0, objects_per_scene=2)
VERSION = "v1.0-synth"


@pytest.fixture
def dataroot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tables without images, and a cache of its own."""
    monkeypatch.setenv("DRIVETR_CACHE", str(tmp_path / "cache"))
    root, version = write_tables(tmp_path / "set", make_tables(SMALL)), VERSION
    if not (root / version).is_dir():
        next(root.glob("v1.0-*")).rename(root / version)
    return root


def by_subject(found: list[Diagnosis], subject: str) -> list[Diagnosis]:
    return [one for one in found if one.subject == subject]


def test_tables_that_are_right_before_and_after_they_are_indexed(dataroot):
    before = by_subject(examine_dataset(dataroot, VERSION, images=False), "index")
    assert [one.level for one in before] == [Level.NOTE]
    assert before[0].remedy == f"drivetr index {dataroot} --version {VERSION} builds it now"
    ensure_index(dataroot, VERSION)
    after = examine_dataset(dataroot, VERSION, images=False)
    assert [one.level for one in by_subject(after, "index")] == [Level.OK]
    assert [one.level for one in by_subject(after, "dataset")] == [Level.OK, Level.NOTE]


def test_a_stale_index(dataroot):
    ensure_index(dataroot, VERSION)
    path = dataroot / VERSION / "category.json"
    path.write_text(path.read_text() + "\n")
    (found,) = by_subject(examine_dataset(dataroot, VERSION, images=False), "index")
    assert found.level is Level.ERROR
    assert "category.json has changed since its index" in found.found
    assert found.remedy == f"drivetr index {dataroot} --version {VERSION}"


def test_faults_are_told_by_kind_with_an_example(dataroot):
    path = dataroot / VERSION / "sample_annotation.json"
    rows = json.loads(path.read_text())
    for row in rows:
        row["sample_token"] = "nowhere"
    path.write_text(json.dumps(rows))
    found = by_subject(examine_dataset(dataroot, VERSION, images=False), "dataset")
    (dangling,) = [one for one in found if "dangling-key" in one.found]
    assert dangling.level is Level.ERROR
    assert dangling.found.startswith(f"{len(rows)} x dangling-key: sample_annotation.json: row 0")
    assert f"drivetr verify {dataroot} --version {VERSION} lists more" in dangling.remedy


def test_images_are_decoded_on_request(dataroot):
    without = examine_dataset(dataroot, VERSION, images=False)
    assert not [one for one in without if "missing-image" in one.found]
    found = examine_dataset(dataroot, VERSION, images=True)
    (missing,) = [one for one in found if "missing-image" in one.found]
    assert missing.level is Level.ERROR
    assert missing.found.startswith("12 x missing-image")


def test_a_table_that_is_gone(dataroot):
    (dataroot / VERSION / "log.json").unlink()
    (found,) = examine_dataset(dataroot, VERSION, images=False)
    assert found.level is Level.ERROR
    assert "missing log.json" in found.found


def test_coco(tmp_path):
    root = write_small_coco(tmp_path / "coco")
    assert [one.level for one in examine_dataset(root, "2017", images=True)] == [Level.OK]
    shutil.rmtree(root / "val2017")
    found = examine_dataset(root, "2017", images=True)
    assert [one.found.split(":")[0] for one in found] == ["6 x image"]
