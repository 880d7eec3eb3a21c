"""Every fault is told with file and field: by `verify` among others, by the loader at once."""

import json
import os
import re
import resource
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torchvision.io import write_jpeg

from drivetr.data.nuscenes.index import open_index
from drivetr.data.nuscenes.verify import verify_dataset
from drivetr.data.report import Report
from drivetr.errors import DrivetrError
from tests.data.nuscenes.table_factory import (
    Tables,
    TableShape,
    key_rows,
    make_tables,
    write_tables,
)

SMALL = TableShape(
    scenes=1,
    samples_per_scene=2,
    cameras=("CAM_FRONT", "CAM_BACK"),
    camera_sweeps=1,
    radars=0,
    objects_per_scene=3,
)


def with_images(root: Path, tables: Tables, height: int = 9, width: int = 16) -> Path:
    """Writes the tables, and an image or an empty file for every row of sample_data."""
    image = torch.randint(0, 256, (3, height, width), dtype=torch.uint8)
    for row in tables["sample_data"]:
        path = root / row["filename"]
        path.parent.mkdir(parents=True, exist_ok=True)
        if row["fileformat"] == "jpg":
            row["height"], row["width"] = height, width
            write_jpeg(image, str(path))
        else:
            path.touch()
    return write_tables(root, tables)


def first(table: str, **fields: object) -> Callable[[Tables], None]:
    """A mutation: sets fields of a table's first row."""
    return lambda tables: tables[table][0].update(fields)


def first_camera(**fields: object) -> Callable[[Tables], None]:
    """A mutation: sets fields of the first calibration of a camera."""

    def mutate(tables: Tables) -> None:
        next(r for r in tables["calibrated_sensor"] if r["camera_intrinsic"]).update(fields)

    return mutate


def first_key_image(**fields: object) -> Callable[[Tables], None]:
    """A mutation: sets fields of one keyframe image."""
    return lambda tables: next(key_rows(tables, "CAM_FRONT")).update(fields)


def without_key_pose(tables: Tables) -> None:
    """A mutation: removes the ego pose of one keyframe image."""
    lost = next(key_rows(tables, "CAM_FRONT"))["ego_pose_token"]
    tables["ego_pose"] = [row for row in tables["ego_pose"] if row["token"] != lost]


def second_keyframe(tables: Tables) -> None:
    """A mutation: makes a sweep a keyframe of a sample that has one."""
    key = max(key_rows(tables, "CAM_FRONT"), key=lambda row: row["timestamp"])
    next(r for r in tables["sample_data"] if r["token"] == key["prev"])["is_key_frame"] = True


def without_lidar_key(tables: Tables) -> None:
    """A mutation: leaves one sample without a lidar keyframe."""
    next(key_rows(tables, "LIDAR_TOP"))["is_key_frame"] = False


NAN = float("nan")
BLACK = torch.zeros(3, 9, 16, dtype=torch.uint8)
ROWS = [
    (
        "duplicate-token",
        lambda t: t["sample_data"].append(dict(t["sample_data"][3])),
        r"sample_data.json: field token '\w+' stands in row 3 and in row \d+",
    ),
    (
        "duplicate-token",
        lambda t: t["ego_pose"].append(dict(t["ego_pose"][0])),
        r"ego_pose.json: field token .* row 0 and in row",
    ),
    (
        "dangling-key",
        first("sample_data", calibrated_sensor_token="x"),
        r"sample_data.json: row 0, field calibrated_sensor_token 'x' names no row of",
    ),
    (
        "dangling-key",
        first("sample_data", sample_token="x"),
        r"sample_data.json: row 0, field samp",
    ),
    (
        "dangling-key",
        first_key_image(prev="x"),
        r"sample_data.json: row \d+, field prev 'x' names no",
    ),
    ("dangling-key", without_key_pose, r"field ego_pose_token '\w+' names no row of ego_pose.json"),
    ("dangling-key", first("sample", scene_token="x"), r"sample.json: row 0, field scene_token"),
    ("dangling-key", first("sample", next="x"), r"sample.json: row 0, field next 'x'"),
    ("dangling-key", first("scene", log_token="x"), r"scene.json: row 0, field log_token 'x'"),
    (
        "dangling-key",
        first("scene", last_sample_token="x"),
        r"scene.json: row 0, field last_sample",
    ),
    (
        "dangling-key",
        first("instance", category_token="x"),
        r"instance.json: row 0, field category",
    ),
    ("dangling-key", first("instance", first_annotation_token="x"), r"instance.json: row 0, field"),
    (
        "dangling-key",
        first("calibrated_sensor", sensor_token="x"),
        r"calibrated_sensor.json: row 0",
    ),
    (
        "dangling-key",
        first("sample_annotation", sample_token="x"),
        r"sample_annotation.json: row 0",
    ),
    (
        "dangling-key",
        first("sample_annotation", instance_token="x"),
        r"sample_annotation.json: row",
    ),
    ("dangling-key", first("sample_annotation", prev="x"), r"row 0, field prev 'x' names no row"),
    ("dangling-key", first("sample_annotation", attribute_tokens=["x"]), r"field attribute_tokens"),
    (
        "dangling-key",
        first("sample_annotation", visibility_token="9"),
        r"field visibility_token '9'",
    ),
    ("unsafe-path", first_key_image(filename="../../etc/passwd"), r"field filename .* climbs"),
    ("unsafe-path", first_key_image(filename="/etc/passwd"), r"field filename .* is absolute"),
    ("unsafe-path", first_key_image(filename=""), r"field filename '' is empty"),
    (
        "intrinsics",
        first_camera(camera_intrinsic=[]),
        r"calibrated_sensor.json: row \d, field camera",
    ),
    ("intrinsics", first_camera(camera_intrinsic=[[0, 0, 1], [0, 9, 1], [0, 0, 1.0]]), r"focal"),
    (
        "intrinsics",
        first_camera(camera_intrinsic=[[9, 0, NAN], [0, 9, 1], [0, 0, 1]]),
        r"invertible",
    ),
    ("intrinsics", first_camera(camera_intrinsic=[[9, 0, 1], [0, 9, 1], [0, 0, 0]]), r"invertible"),
    ("wrong-type", first_camera(camera_intrinsic=[[9, 0], [0, 9]]), r"expected a 3x3 matrix"),
    (
        "quaternion",
        first_camera(rotation=[0, 0, 0, 0]),
        r"calibrated_sensor.json: .* field rotation",
    ),
    (
        "quaternion",
        first("sample_annotation", rotation=[0, 0, 0, 0]),
        r"sample_annotation.json: row 0",
    ),
    ("quaternion", first("ego_pose", rotation=[NAN, 0, 0, 1]), r"ego_pose.json: row 0"),
    (
        "translation",
        first("ego_pose", translation=[NAN, 0, 0]),
        r"ego_pose.json: row 0, field trans",
    ),
    (
        "wrong-type",
        first("sample", timestamp="soon"),
        r"sample.json: row 0, field timestamp is 'soon'",
    ),
    (
        "wrong-type",
        first("sample_data", is_key_frame=1),
        r"field is_key_frame is '1', expected true",
    ),
    ("wrong-type", first("ego_pose", rotation=[1, 0, 0]), r"expected 4 numbers w, x, y, z"),
    ("two-keyframes", second_keyframe, r"sample_data.json: row \d+, field is_key_frame"),
    ("sample-without-pose", without_lidar_key, r"has no usable LIDAR_TOP keyframe"),
]


@pytest.mark.parametrize(("kind", "mutate", "match"), ROWS)
def test_error_is_refused_by_the_loader_and_told_by_verify(tmp_path: Path, kind, mutate, match):
    tables = make_tables(SMALL)
    mutate(tables)
    root = write_tables(tmp_path / "data", tables)
    with pytest.raises(DrivetrError, match=match) as error:
        open_index(root, "v1.0-mini", tmp_path / "out")
    assert len(str(error.value).splitlines()) == 1
    report = verify_dataset(root, "v1.0-mini")
    assert report.errors[kind]
    assert any(re.search(match, text) for text in report.texts[kind])


class TestFiles:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        """A dataset without faults."""
        return with_images(tmp_path / "data", make_tables(SMALL))

    def image(self, root: Path, folder: str = "samples") -> Path:
        """One of its images."""
        return next((root / folder / "CAM_FRONT").iterdir())

    def test_clean(self, root: Path):
        report = verify_dataset(root, "v1.0-mini")
        assert not report.errors
        assert not report.warnings
        assert all(line.startswith("note ") for line in report.lines())

    @pytest.mark.parametrize(
        ("kind", "spoil"),
        [
            ("missing-image", lambda path: path.unlink()),
            ("unreadable-image", lambda path: path.write_bytes(b"")),
            ("unreadable-image", lambda path: path.write_bytes(b"GIF89a......")),
            ("unreadable-image", lambda path: path.write_bytes(path.read_bytes()[:20])),
            ("truncated-image", lambda path: path.write_bytes(path.read_bytes()[:-40])),
            ("wrong-size", lambda path: write_jpeg(BLACK[:, :8, :8], str(path))),
            ("unsafe-path", lambda path: (path.unlink(), path.symlink_to("/etc/passwd"))),
        ],
    )
    def test_spoilt_keyframe_is_an_error(self, root: Path, kind: str, spoil):
        path = self.image(root)
        spoil(path)
        report = verify_dataset(root, "v1.0-mini")
        assert dict(report.errors) == {kind: 1}
        assert path.name in report.texts[kind][0]

    def test_missing_sweep_map_and_lidar_are_warnings(self, root: Path):
        self.image(root, "sweeps").unlink()
        next((root / "samples" / "LIDAR_TOP").iterdir()).unlink()
        (root / "maps" / "a.png").unlink()
        report = verify_dataset(root, "v1.0-mini")
        assert not report.errors
        assert dict(report.warnings) == {"missing-file": 2, "missing-sweep": 1}

    def test_grey_image_is_a_warning(self, root: Path):
        write_jpeg(BLACK[:1], str(self.image(root)))
        report = verify_dataset(root, "v1.0-mini")
        assert not report.errors
        assert dict(report.warnings) == {"pixel-format": 1}

    def test_decompression_bomb_costs_no_memory(self, root: Path):
        def chunk(kind: bytes, body: bytes) -> bytes:
            whole = kind + body
            return struct.pack(">I", len(body)) + whole + struct.pack(">I", zlib.crc32(whole))

        header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
        body = chunk(b"IDAT", zlib.compress(bytes(10_000_000)))
        verify_dataset(root, "v1.0-mini")  # imports are not to be counted
        self.image(root).write_bytes(b"\x89PNG\r\n\x1a\n" + header + body + chunk(b"IEND", b""))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        report = verify_dataset(root, "v1.0-mini")
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert "60000x60000" in report.texts["unreadable-image"][0]
        assert after - before < 50_000  # kilobytes

    def test_nothing_is_written(self, root: Path):
        before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
        verify_dataset(root, "v1.0-mini")
        assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


class TestRotationOrder:
    @staticmethod
    def to_xyzw(tables: Tables, table: str) -> None:
        """Writes a table's quaternions in the wrong order."""
        for row in tables[table]:
            row["rotation"] = [*row["rotation"][1:], row["rotation"][0]]

    @pytest.mark.parametrize("table", ["calibrated_sensor", "ego_pose", "sample_annotation"])
    def test_xyzw_is_suspected(self, tmp_path: Path, table: str):
        tables = make_tables(TableShape(scenes=1, samples_per_scene=2, radars=0))
        if table == "ego_pose":
            for row in tables["ego_pose"]:
                row["rotation"] = [0.8, 0.0, 0.0, 0.6]
        self.to_xyzw(tables, table)
        report = verify_dataset(write_tables(tmp_path, tables), "v1.0-mini")
        assert report.warnings["quaternion-order"] == 1
        text = report.texts["quaternion-order"][0]
        assert text.startswith(f"{table}.json: field rotation")
        assert "x, y, z, w fewer" in text

    def test_real_rig_in_the_wrong_order(self, nuscenes_real: Path, tmp_path: Path):
        names = [path.stem for path in (nuscenes_real / "v1.0-mini").glob("*.json")]
        tables = {
            name: json.loads((nuscenes_real / "v1.0-mini" / f"{name}.json").read_text())
            for name in names
        }
        self.to_xyzw(tables, "calibrated_sensor")
        report = verify_dataset(write_tables(tmp_path, tables), "v1.0-mini")
        assert report.warnings["quaternion-order"] == 1


class TestWarnings:
    def test_odd_rows_are_warned_of_together(self, tmp_path: Path):
        tables = make_tables(SMALL)
        boxes = tables["sample_annotation"]
        boxes[0]["size"] = [1, 0, 1]
        boxes[1]["rotation"] = [2, 0, 0, 0]
        tables["category"][0]["name"] = "vehicle.hovercraft"
        report = verify_dataset(with_images(tmp_path, tables), "v1.0-mini")
        assert not report.errors
        expected = {"box-size": 1, "quaternion-length": 1, "unknown-category": 1}
        assert dict(report.warnings) == expected

    def test_velocity_that_is_nan_is_a_note(self, tmp_path: Path):
        tables = make_tables(SMALL)
        for row in tables["sample_annotation"]:
            row["prev"] = row["next"] = ""
        report = verify_dataset(with_images(tmp_path, tables), "v1.0-mini")
        assert "boxes have no velocity" in report.notes[0]

    def test_splits_that_name_other_scenes(self, tmp_path: Path):
        root = with_images(tmp_path, make_tables(SMALL))
        splits = {"mine": ["scene-0000", "scene-9"], "val": ["scene-0000"]}
        (root / "v1.0-mini" / "splits.json").write_text(json.dumps(splits))
        report = verify_dataset(root, "v1.0-mini")
        assert dict(report.warnings) == {"splits": 2}


class TestWholeTables:
    def test_missing_dataroot(self, tmp_path: Path):
        with pytest.raises(DrivetrError, match=f"dataroot {tmp_path}/no is not a folder"):
            verify_dataset(tmp_path / "no", "v1.0-mini")

    @pytest.mark.parametrize("version", ["v1.0-trainval", "", ".", "../data/v1.0-mini"])
    def test_missing_version_lists_those_found(self, tmp_path: Path, version: str):
        root = write_tables(tmp_path / "data", make_tables(SMALL))
        with pytest.raises(DrivetrError, match="no version .*versions found: v1.0-mini"):
            verify_dataset(root, version)

    def test_missing_tables_are_named(self, tmp_path: Path):
        root = write_tables(tmp_path / "data", make_tables(SMALL))
        for name in ("log", "sample_data"):
            (root / "v1.0-mini" / f"{name}.json").unlink()
        with pytest.raises(DrivetrError, match="missing log.json, sample_data.json"):
            open_index(root, "v1.0-mini", tmp_path)

    def test_cut_table_is_an_error_with_its_byte(self, tmp_path: Path):
        root = write_tables(tmp_path / "data", make_tables(SMALL))
        path = root / "v1.0-mini" / "ego_pose.json"
        path.write_bytes(path.read_bytes()[:333])
        report = verify_dataset(root, "v1.0-mini")
        assert re.search(r"ego_pose.json: is not valid JSON at byte \d+", report.lines()[0])


_JUNK = st.sampled_from(
    [None, "", "x", -1, 0, 1e308, NAN, [], [1, 2, 3], [0.0] * 4, [[0] * 3] * 3, {}, True, 10**30]
)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_random_junk_never_ends_in_a_traceback(tmp_path: Path, data: st.DataObject):
    """The loader gives an index or one sentence; verify always ends, and agrees with the loader."""
    tables = make_tables(SMALL)
    for _ in range(data.draw(st.integers(1, 3))):
        rows = tables[data.draw(st.sampled_from(sorted(tables)))]
        row = data.draw(st.integers(0, len(rows) - 1))
        field = data.draw(st.sampled_from(sorted(rows[row])))
        rows[row][field] = data.draw(_JUNK)
    root = write_tables(tmp_path / "data", tables)
    report = verify_dataset(root, "v1.0-mini")
    refused = {kind for kind in report.errors if kind not in ("missing-image", "unsafe-path")}
    out = tmp_path / os.urandom(4).hex()
    if refused:
        with pytest.raises(DrivetrError) as error:
            open_index(root, "v1.0-mini", out)
        assert len(str(error.value).splitlines()) == 1
    elif not report.errors["unsafe-path"]:
        index = open_index(root, "v1.0-mini", out)
        for row in range(len(index)):
            assert np.isfinite(index.sample(row).global_from_ego).all()


def test_report_counts_beyond_its_examples():
    report = Report(strict=False)
    report.warn_rows("odd", range(25), lambda i: f"row {i}")
    assert report.warnings["odd"] == 25
    assert report.lines()[-1] == "warning [odd] ... and 15 more like these"
