"""The index tells what the devkit tells, number for number, and is never silently out of date."""

import json
import os
import pickle
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from nuscenes.nuscenes import NuScenes
from nuscenes.utils.geometry_utils import transform_matrix
from pyquaternion import Quaternion

from drivetr.data.nuscenes import build, read, store
from drivetr.data.nuscenes.index import NuScenesIndex, open_index
from drivetr.errors import DrivetrError
from tests.data.nuscenes.table_factory import (
    Tables,
    TableShape,
    key_rows,
    make_tables,
    write_tables,
)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIVETR_CACHE", str(tmp_path / "cache"))


def opened(tmp_path: Path, tables: Tables, version: str = "v1.0-mini") -> NuScenesIndex:
    """The index of tables that are written first."""
    return open_index(write_tables(tmp_path / "data", tables, version), version)


def matrix(record: dict) -> np.ndarray:
    """The devkit's 4x4 matrix of an ego pose or calibration."""
    return transform_matrix(np.array(record["translation"]), Quaternion(record["rotation"]))


def assert_equals_devkit(index: NuScenesIndex, nusc: NuScenes) -> None:
    """Compares every sample with the devkit's answers."""
    assert len(index) == len(nusc.sample)
    assert [s.name for s in index.scenes()] == [s["name"] for s in nusc.scene]
    for scene, record in zip(index.scenes(), nusc.scene, strict=True):
        assert scene.description == record["description"]
        assert scene.location == nusc.get("log", record["log_token"])["location"]
        token, row = record["first_sample_token"], scene.first_row
        while token:
            assert index.row_of(token) == row
            assert_sample_equals(index, row, nusc, token)
            token, row = nusc.get("sample", token)["next"], row + 1
        assert row == scene.first_row + scene.num_samples


def assert_sample_equals(index: NuScenesIndex, row: int, nusc: NuScenes, token: str) -> None:
    """Compares poses, cameras, sweeps and boxes of one sample."""
    sample, record = index.sample(row), nusc.get("sample", token)
    assert (sample.token, sample.timestamp_us) == (token, record["timestamp"])
    assert sample.scene_name == nusc.get("scene", record["scene_token"])["name"]
    for side in ("prev", "next"):
        other = getattr(sample, f"{side}_row")
        assert (index.sample(other).token if other >= 0 else "") == record[side]
    lidar = nusc.get("sample_data", record["data"]["LIDAR_TOP"])
    calibration = nusc.get("calibrated_sensor", lidar["calibrated_sensor_token"])
    assert sample.lidar_path == lidar["filename"]
    pose = matrix(nusc.get("ego_pose", lidar["ego_pose_token"]))
    np.testing.assert_allclose(sample.global_from_ego, pose, rtol=0, atol=1e-12)
    np.testing.assert_allclose(sample.ego_from_lidar, matrix(calibration), rtol=0, atol=1e-12)
    cameras = [name for name in index.camera_names if name in record["data"]]
    assert [camera.channel for camera in sample.cameras] == cameras
    for camera in sample.cameras:
        data = nusc.get("sample_data", record["data"][camera.channel])
        assert_camera_equals(camera, data, nusc)
        expected = devkit_history(nusc, data)
        history = [index.image(number) for number in index.history(row, camera.channel)]
        assert [image.filename for image in history] == [e["filename"] for e in expected]
        for image, other_data in zip(history, expected, strict=True):
            assert_camera_equals(image, other_data, nusc)
    assert_boxes_equal(sample.annotations, nusc, record["anns"])


def assert_camera_equals(camera, data: dict, nusc: NuScenes) -> None:
    """Compares one image's record."""
    calibration = nusc.get("calibrated_sensor", data["calibrated_sensor_token"])
    assert camera.filename == data["filename"]
    assert camera.timestamp_us == data["timestamp"]
    assert (camera.height, camera.width) == (data["height"], data["width"])
    np.testing.assert_array_equal(camera.intrinsic, calibration["camera_intrinsic"])
    np.testing.assert_allclose(camera.ego_from_cam, matrix(calibration), rtol=0, atol=1e-12)
    pose = matrix(nusc.get("ego_pose", data["ego_pose_token"]))
    np.testing.assert_allclose(camera.global_from_ego, pose, rtol=0, atol=1e-12)


def devkit_history(nusc: NuScenes, data: dict) -> list[dict]:
    """Walks the devkit's prev links."""
    found: list[dict] = []
    while data["prev"]:
        data = nusc.get("sample_data", data["prev"])
        found.append(data)
    return found


def file_history(index: NuScenesIndex, key: dict) -> list[str]:
    """Files of the images before a keyframe of CAM_FRONT."""
    history = index.history(index.row_of(key["sample_token"]), "CAM_FRONT")
    return [index.image(number).filename for number in history]


def assert_boxes_equal(boxes, nusc: NuScenes, tokens: list[str]) -> None:
    """Compares all box columns, to the last bit."""
    assert boxes.token == tokens
    records = [nusc.get("sample_annotation", token) for token in tokens]
    columns = {
        "center_global": "translation",
        "size_wlh": "size",
        "quaternion_wxyz": "rotation",
        "num_lidar_pts": "num_lidar_pts",
        "num_radar_pts": "num_radar_pts",
        "instance_token": "instance_token",
        "category": "category_name",
    }
    for ours, theirs in columns.items():
        expected = [record[theirs] for record in records]
        if expected:
            np.testing.assert_array_equal(getattr(boxes, ours), expected)
    velocities = [nusc.box_velocity(token) for token in tokens]
    if velocities:
        np.testing.assert_array_equal(boxes.velocity_global, velocities)
    names = [[nusc.get("attribute", t)["name"] for t in r["attribute_tokens"]] for r in records]
    assert boxes.attribute == [name[0] if name else "" for name in names]
    assert boxes.visibility.tolist() == [int(r["visibility_token"]) for r in records]
    instances = [nusc.getind("instance", r["instance_token"]) for r in records]
    assert boxes.instance.tolist() == instances


class TestAgainstDevkit:
    def test_real_keyframes(self, nuscenes_real: Path):
        nusc = NuScenes("v1.0-mini", str(nuscenes_real), verbose=False)
        assert_equals_devkit(open_index(nuscenes_real, "v1.0-mini"), nusc)

    @pytest.mark.parametrize("seed", range(3))
    def test_made_tables(self, tmp_path: Path, seed: int):
        shape = TableShape(scenes=3, samples_per_scene=9, objects_per_scene=12)
        index = opened(tmp_path, make_tables(shape, seed))
        nusc = NuScenes("v1.0-mini", str(tmp_path / "data"), verbose=False)
        assert_equals_devkit(index, nusc)
        velocities = [nusc.box_velocity(a["token"]) for a in nusc.sample_annotation]
        assert 0.02 < np.isnan(velocities).any(axis=1).mean() < 0.9  # both rules were at work


class TestRigs:
    def test_other_cameras_without_lidar(self, tmp_path: Path):
        shape = TableShape(cameras=("left eye", "right eye"), lidar=False, radars=0)
        tables = make_tables(shape)
        index = opened(tmp_path, tables)
        assert index.camera_names == ("left eye", "right eye")
        assert index.reference_channel is None
        sample = index.sample(3)
        assert sample.lidar_path is None
        np.testing.assert_array_equal(sample.ego_from_lidar, np.eye(4))
        nearest = min(sample.cameras, key=lambda c: abs(c.timestamp_us - sample.timestamp_us))
        np.testing.assert_array_equal(sample.global_from_ego, nearest.global_from_ego)

    def test_camera_order_of_nuscenes_then_table(self, tmp_path: Path):
        shape = TableShape(cameras=("CAM_ROOF", "CAM_BACK", "CAM_FRONT"))
        index = opened(tmp_path, make_tables(shape))
        assert index.camera_names == ("CAM_FRONT", "CAM_BACK", "CAM_ROOF")

    def test_sample_with_a_camera_missing(self, tmp_path: Path):
        tables = make_tables()
        lost = next(key_rows(tables, "CAM_BACK"))
        lost["is_key_frame"] = False
        index = opened(tmp_path, tables)
        cameras = index.sample(index.row_of(lost["sample_token"])).cameras
        assert [camera.channel for camera in cameras] == [
            name for name in index.camera_names if name != "CAM_BACK"
        ]

    def test_test_set_without_annotations(self, tmp_path: Path):
        index = opened(tmp_path, make_tables(TableShape(annotated=False)), "v1.0-test")
        assert index.num_annotations == 0
        assert len(index.sample(0).annotations) == 0
        assert index.sample(0).annotations.velocity_global.shape == (0, 3)


class TestHistory:
    def test_sweep_without_pose_is_left_out(self, tmp_path: Path):
        tables = make_tables(TableShape(camera_sweeps=4))
        key = max(key_rows(tables, "CAM_FRONT"), key=lambda row: row["timestamp"])
        lost = next(row for row in tables["sample_data"] if row["token"] == key["prev"])
        tables["ego_pose"] = [p for p in tables["ego_pose"] if p["token"] != lost["token"]]
        index = opened(tmp_path, tables)
        assert index.warnings == {"sweep-without-pose": 1}
        history = file_history(index, key)
        assert len(history) == 5 * 5 - 1
        assert lost["filename"] not in history

    def test_history_ends_at_a_broken_link(self, tmp_path: Path):
        tables = make_tables(TableShape(camera_sweeps=4))
        key = max(key_rows(tables, "CAM_FRONT"), key=lambda row: row["timestamp"])
        first = next(row for row in tables["sample_data"] if row["token"] == key["prev"])
        first["prev"] = ""
        index = opened(tmp_path, tables)
        assert file_history(index, key) == [first["filename"]]

    @pytest.mark.parametrize(
        ("step_us", "kind"), [(-1, "time-goes-back"), (0, "time-repeats"), (700_000, "time-gap")]
    )
    def test_odd_steps_are_counted_and_break_the_run(self, tmp_path: Path, step_us: int, kind: str):
        tables = make_tables(TableShape(scenes=1, samples_per_scene=3, annotated=False))
        in_time = sorted(tables["sample"], key=lambda row: row["timestamp"])
        in_time[2]["timestamp"] = in_time[1]["timestamp"] + step_us
        index = opened(tmp_path, tables)
        assert index.warnings == {kind: 1}
        rows = [index.row_of(row["token"]) for row in in_time]
        assert [index.sample(row).continues for row in rows] == [False, True, False]
        assert index.follows(np.array(rows)).tolist() == [False, True, False]

    def test_only_the_sample_that_stands_before_counts(self, tmp_path: Path):
        index = opened(tmp_path, make_tables(TableShape(scenes=2, samples_per_scene=4)))
        assert [index.sample(row).continues for row in range(8)] == [False, True, True, True] * 2
        assert index.follows(np.arange(8)).tolist() == [False, True, True, True] * 2
        chosen = np.array([1, 2, 0, 1, 3, 4, 5])
        assert index.follows(chosen).tolist() == [False, True, False, True, False, False, True]

    def test_a_prev_in_another_scene_breaks_the_run(self, tmp_path: Path):
        tables = make_tables(TableShape(scenes=2, samples_per_scene=3, annotated=False))
        in_time = sorted(tables["sample"], key=lambda row: row["timestamp"])
        scenes = list(dict.fromkeys(row["scene_token"] for row in in_time))
        last = [row for row in in_time if row["scene_token"] == scenes[0]][-1]
        first = next(row for row in in_time if row["scene_token"] == scenes[1])
        first["prev"] = last["token"]
        index = opened(tmp_path, tables)
        assert index.warnings["scene-crossed"] == 1
        assert not index.sample(index.row_of(first["token"])).continues

    def test_order_of_cameras_does_not_depend_on_the_table(self, tmp_path: Path):
        names = []
        for place, turned in (("a", False), ("b", True)):
            tables = make_tables()
            for row in tables["sensor"]:
                row["channel"] = row["channel"].replace("CAM_", "MY_")
            tables["sensor"] = tables["sensor"][::-1] if turned else tables["sensor"]
            names.append(opened(tmp_path / place, tables).camera_names)
        assert names[0] == names[1] == tuple(sorted(names[0]))


class TestBadBoxes:
    @pytest.mark.parametrize("size", [[0.0, 1, 1], [1, -2.0, 1], [1, 1, float("nan")]])
    def test_impossible_size_is_dropped_and_counted(self, tmp_path: Path, size: list):
        tables = make_tables()
        tables["sample_annotation"][5]["size"] = size
        index = opened(tmp_path, tables)
        assert index.warnings == {"box-size": 1}
        assert index.num_annotations == len(tables["sample_annotation"]) - 1

    def test_two_attributes_are_warned_of(self, tmp_path: Path):
        tables = make_tables()
        tokens = [row["token"] for row in tables["attribute"]]
        tables["sample_annotation"][0]["attribute_tokens"] = [tokens[2], tokens[0]]
        index = opened(tmp_path, tables)
        assert index.warnings == {"two-attributes": 1}
        boxes = index.sample(index.row_of(tables["sample_annotation"][0]["sample_token"]))
        place = boxes.annotations.token.index(tables["sample_annotation"][0]["token"])
        assert boxes.annotations.attribute[place] == tables["attribute"][2]["name"]

    def test_unknown_category_is_listed(self, tmp_path: Path):
        tables = make_tables()
        tables["category"][0]["name"] = "vehicle.hovercraft"
        index = opened(tmp_path, tables)
        assert index.unknown_categories == ["vehicle.hovercraft"]
        assert index.warnings == {"unknown-category": 1}

    def test_long_quaternion_is_normalised(self, tmp_path: Path):
        tables = make_tables()
        row = tables["calibrated_sensor"][0]
        row["rotation"] = [2 * x for x in row["rotation"]]
        index = opened(tmp_path, tables)
        assert index.warnings == {"quaternion-length": 1}
        for camera in index.sample(0).cameras:
            turn = camera.ego_from_cam[:3, :3]
            np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)


class TestFreshness:
    def test_opens_without_reading_tables(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        opened(tmp_path, make_tables())
        monkeypatch.setattr(build, "read_tables", None)
        start = time.perf_counter()
        open_index(tmp_path / "data", "v1.0-mini")
        assert time.perf_counter() - start < 0.1

    def test_changed_table_is_refused_with_the_command(self, tmp_path: Path):
        opened(tmp_path, make_tables())
        table = tmp_path / "data" / "v1.0-mini" / "sample_annotation.json"
        text = table.read_text()
        table.write_text(text.replace('"visibility_token": "1"', '"visibility_token": "2"', 1))
        with pytest.raises(DrivetrError, match="sample_annotation.json has changed") as error:
            open_index(tmp_path / "data", "v1.0-mini")
        assert f"drivetr index {tmp_path / 'data'} --version v1.0-mini" in str(error.value)
        build.ensure_index(tmp_path / "data", "v1.0-mini", replace=True)
        open_index(tmp_path / "data", "v1.0-mini")

    def test_touched_copy_is_accepted_and_noted(self, tmp_path: Path, monkeypatch):
        opened(tmp_path, make_tables())
        os.utime(tmp_path / "data" / "v1.0-mini" / "sample.json", ns=(1, 1))
        open_index(tmp_path / "data", "v1.0-mini")
        monkeypatch.setattr(store, "digest_of", None)  # the second time nothing is hashed
        open_index(tmp_path / "data", "v1.0-mini")

    def test_other_schema_is_refused(self, tmp_path: Path):
        index = opened(tmp_path, make_tables())
        path = index.folder / "header.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": 0}))
        with pytest.raises(DrivetrError, match="schema 0, this drivetr needs 3.*drivetr index"):
            open_index(tmp_path / "data", "v1.0-mini")

    @pytest.mark.parametrize("damage", ["header", "cut", "gone"])
    def test_damage_is_told(self, tmp_path: Path, damage: str):
        index = opened(tmp_path, make_tables())
        column = next(index.folder.glob("columns-*/box_center.npy"))
        if damage == "header":
            (index.folder / "header.json").write_text("{")
        elif damage == "cut":
            column.write_bytes(column.read_bytes()[:-8])
        else:
            column.unlink()
        with pytest.raises(DrivetrError, match="damaged; rebuild it: drivetr index"):
            open_index(tmp_path / "data", "v1.0-mini")

    @pytest.mark.parametrize(
        ("entry", "value"),
        [("stamps", 1), ("columns", "../elsewhere"), ("sizes", {}), ("categories", [])],
    )
    def test_a_header_that_was_changed(self, tmp_path: Path, entry: str, value: object):
        header = opened(tmp_path, make_tables()).folder / "header.json"
        header.write_text(json.dumps(json.loads(header.read_text()) | {entry: value}))
        with pytest.raises(DrivetrError, match="damaged; rebuild it: drivetr index"):
            open_index(tmp_path / "data", "v1.0-mini")

    def test_a_header_nested_too_deeply(self, tmp_path: Path):
        header = opened(tmp_path, make_tables()).folder / "header.json"
        header.write_text("[" * 100_000)
        with pytest.raises(DrivetrError, match="damaged; rebuild it: drivetr index"):
            open_index(tmp_path / "data", "v1.0-mini")

    @pytest.mark.parametrize(
        ("key", "place"), [("image_calibration", -1), ("sample_token", -1), ("sample_scene", 8)]
    )
    def test_a_column_with_other_bytes(self, tmp_path: Path, key: str, place: int):
        """An impossible value, a text that is none, a header that numpy cannot read."""
        index = opened(tmp_path, make_tables())
        path = next(index.folder.glob(f"columns-*/{key}.npy"))
        content = bytearray(path.read_bytes())
        content[place] = 0x7F if key == "image_calibration" else 0xFF
        path.write_bytes(content)
        index = open_index(tmp_path / "data", "v1.0-mini")
        with pytest.raises(DrivetrError, match=f"{key}.npy: the index is damaged; rebuild it"):
            [index.sample(row) for row in range(len(index))]

    def test_damage_that_means_something_is_found_on_request(self, tmp_path: Path):
        index = opened(tmp_path, make_tables())
        index.refuse_damage()
        path = next(index.folder.glob("columns-*/box_center.npy"))
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        with pytest.raises(DrivetrError, match=r"box_center\.npy: the index is damaged"):
            index.refuse_damage()

    def test_build_false_refuses(self, tmp_path: Path):
        write_tables(tmp_path / "data", make_tables())
        with pytest.raises(DrivetrError, match="build it: drivetr index"):
            open_index(tmp_path / "data", "v1.0-mini", build=False)


class TestPlace:
    def test_nothing_is_written_into_the_dataroot(self, tmp_path: Path):
        root = write_tables(tmp_path / "data", make_tables())
        before = sorted(root.rglob("*"))
        for path in (root, root / "v1.0-mini"):
            path.chmod(0o555)
        open_index(root, "v1.0-mini")
        assert sorted(root.rglob("*")) == before

    def test_out_dir_and_versions_side_by_side(self, tmp_path: Path):
        root = write_tables(tmp_path / "data", make_tables(), "v1.0-mini")
        write_tables(root, make_tables(TableShape(scenes=1)), "v1.0-other")
        one = open_index(root, "v1.0-mini", tmp_path / "out")
        two = open_index(root, "v1.0-other", tmp_path / "out")
        assert one.folder.parent == two.folder.parent == tmp_path / "out/index"
        assert (len(one), len(two)) == (12, 6)

    def test_no_pickle_inside(self, tmp_path: Path):
        index = opened(tmp_path, make_tables())
        for path in index.folder.rglob("*.npy"):
            np.load(path, allow_pickle=False)

    def test_travels_to_workers_as_a_name(self, tmp_path: Path):
        index = opened(tmp_path, make_tables(TableShape(samples_per_scene=30)))
        index.sample(0)
        packed = pickle.dumps(index)
        assert len(packed) < 10_000
        assert pickle.loads(packed).sample(3).token == index.sample(3).token


class TestInterruption:
    def test_killed_build_goes_on_behind_the_finished_tables(self, tmp_path: Path, monkeypatch):
        root = write_tables(tmp_path / "data", make_tables())
        original = read.read_table

        def killed_at_poses(folder: Path, name: str, *rest):
            if name == "ego_pose":
                os.kill(os.getpid(), signal.SIGKILL)
            return original(folder, name, *rest)

        child = os.fork()
        if child == 0:
            read.read_table = killed_at_poses
            open_index(root, "v1.0-mini")
            os._exit(0)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
        names = []

        def spied(folder: Path, name: str, *rest):
            names.append(name)
            return original(folder, name, *rest)

        monkeypatch.setattr(read, "read_table", spied)
        index = open_index(root, "v1.0-mini")
        assert names == ["ego_pose", "instance", "sample_annotation"]
        assert not list(index.folder.glob("*.partial"))
        assert_equals_devkit(index, NuScenes("v1.0-mini", str(root), verbose=False))

    def test_four_processes_build_once(self, tmp_path: Path):
        root = write_tables(tmp_path / "data", make_tables())
        children = []
        for _ in range(4):
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    status = 0 if len(open_index(root, "v1.0-mini")) == 12 else 1
                finally:
                    os._exit(status)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4


class TestLookups:
    def test_unknown_token(self, tmp_path: Path):
        with pytest.raises(DrivetrError, match="sample token 'nope' is not in"):
            opened(tmp_path, make_tables()).row_of("nope")

    def test_tokens_of(self, tmp_path: Path):
        index = opened(tmp_path, make_tables())
        rows = np.array([7, 0, 3])
        assert index.tokens_of(rows) == [index.sample(row).token for row in rows]

    def test_index_rebuilt_under_a_reader(self, tmp_path: Path):
        index = opened(tmp_path, make_tables())
        write_tables(tmp_path / "data", make_tables(seed=1))
        build.ensure_index(tmp_path / "data", "v1.0-mini", replace=True)
        with pytest.raises(DrivetrError, match="the index was rebuilt"):
            index.sample(0)

    def test_row_out_of_range(self, tmp_path: Path):
        index = opened(tmp_path, make_tables())
        with pytest.raises(ValueError, match="sample row 12"):
            index.sample(12)
        with pytest.raises(ValueError, match="camera 'x'"):
            index.history(0, "x")
