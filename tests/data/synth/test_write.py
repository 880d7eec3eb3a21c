"""The written dataset against the devkit: it loads, keys resolve, physics hold, bytes repeat."""

import dataclasses
import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from nuscenes import NuScenes
from nuscenes.utils.data_classes import LidarPointCloud
from nuscenes.utils.geometry_utils import points_in_box
from nuscenes.utils.splits import get_scenes_of_split
from pyquaternion import Quaternion

from drivetr.data.nuscenes.dataset import NuScenesDataset
from drivetr.data.nuscenes.index import open_index
from drivetr.data.nuscenes.past import PastImages
from drivetr.data.synth.recipe import Recipe
from drivetr.data.synth.rig import Rig, nuscenes_rig
from drivetr.data.synth.simulate import SceneWriter
from drivetr.data.synth.tables import TABLES
from drivetr.data.synth.write import write_dataset
from drivetr.errors import DrivetrError


def hashes(root: Path) -> dict[str, str]:
    """MD5 of every file below a folder."""
    return {
        str(path.relative_to(root)): hashlib.md5(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_every_key_of_every_table_resolves(tiny: NuScenes) -> None:
    for table in TABLES:
        for row in getattr(tiny, table):
            for field, value in row.items():
                if field.endswith("_token") and value:
                    name = field.removesuffix("_token").replace("first_", "").replace("last_", "")
                    name = "sample_annotation" if name == "annotation" else name
                    tiny.get(name, value)
                if field in ("prev", "next") and value:
                    other = tiny.get(table, value)
                    assert other["next" if field == "prev" else "prev"] == row["token"]
            for value in row.get("attribute_tokens", []):
                tiny.get("attribute", value)


def test_files_are_there_and_have_the_size_of_the_tables(tiny: NuScenes, tiny_root: Path) -> None:
    assert len(tiny.sample) == 6
    for row in tiny.sample_data:
        path = tiny_root / row["filename"]
        assert path.is_file()
        if row["fileformat"] == "jpg":
            assert cv2.imread(str(path)).shape == (row["height"], row["width"], 3)
    assert all(
        tiny.get("sample", s["token"])["data"].keys() >= {"CAM_BACK", "LIDAR_TOP"}
        for s in tiny.sample
    )


def test_splits_are_read_by_the_devkit(tiny: NuScenes) -> None:
    assert get_scenes_of_split("synth_train", tiny) == ["synth-0001"]
    assert get_scenes_of_split("synth_val", tiny) == ["synth-0002"]
    logs = {scene["name"]: scene["log_token"] for scene in tiny.scene}
    assert logs["synth-0001"] != logs["synth-0002"]


def test_the_ego_drives_on_the_drivable_part_of_the_map(tiny: NuScenes) -> None:
    for scene in tiny.scene:
        mask = next(m for m in tiny.map if scene["log_token"] in m["log_tokens"])["mask"]
        sample = tiny.get("sample", scene["first_sample_token"])
        data = tiny.get("sample_data", sample["data"]["LIDAR_TOP"])
        place = tiny.get("ego_pose", data["ego_pose_token"])["translation"]
        assert mask.is_on_mask(place[0], place[1]).all()


def test_lidar_counts_are_those_of_points_in_box(tiny: NuScenes) -> None:
    checked = 0
    for sample in tiny.sample:
        path, boxes, _ = tiny.get_sample_data(sample["data"]["LIDAR_TOP"])
        points = LidarPointCloud.from_file(path).points[:3]
        for box in boxes:
            row = tiny.get("sample_annotation", box.token)
            found = int(points_in_box(box, points).sum())
            assert abs(found - row["num_lidar_pts"]) <= max(1, 0.02 * found)  # float32 on a face
            checked += found > 0
    assert checked > 20


def test_velocity_is_the_finite_difference_and_that_of_the_motion(
    tiny: NuScenes, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    moving = 0
    for number, scene in enumerate(tiny.scene):
        writer = SceneWriter(tiny_recipe, number, tmp_path)
        rotation = writer.stage.street.global_from_street[:2, :2]
        known = {}
        for actor in writer.scene.actors:
            speed = rotation @ actor.velocity
            known[tuple(np.round(actor.size, 3)), actor.category] = speed
        for row in tiny.sample_annotation:
            if tiny.get("sample", row["sample_token"])["scene_token"] != scene["token"]:
                continue
            velocity = tiny.box_velocity(row["token"])[:2]
            if np.isnan(velocity).any():
                continue
            width, length, height = row["size"]
            expected = known[(length, width, height), row["category_name"]]
            np.testing.assert_allclose(velocity, expected, atol=1e-6)
            names = [tiny.get("attribute", t)["name"] for t in row["attribute_tokens"]]
            if names and names[0] in ("vehicle.moving", "pedestrian.moving"):
                assert np.linalg.norm(velocity) > 0.2
                moving += 1
    assert moving > 3


def test_boxes_stay_within_reach_and_apart(tiny: NuScenes, tiny_recipe: Recipe) -> None:
    for sample in tiny.sample:
        data = tiny.get("sample_data", sample["data"]["LIDAR_TOP"])
        pose = tiny.get("ego_pose", data["ego_pose_token"])
        boxes = [tiny.get_box(token) for token in sample["anns"]]
        for box in boxes:
            box.translate(-np.array(pose["translation"]))
            box.rotate(Quaternion(pose["rotation"]).inverse)
            assert np.abs(box.center[:2]).max() <= tiny_recipe.reach + 1e-9
        for first, box in enumerate(boxes):
            for other in boxes[first + 1 :]:
                assert not points_in_box(box, other.center[:, None]).any()


def test_bytes_do_not_depend_on_the_number_of_processes(
    tiny_recipe: Recipe, tmp_path: Path
) -> None:
    recipe = dataclasses.replace(tiny_recipe, frames_per_scene=1, rig=nuscenes_rig(32, 64))
    write_dataset(recipe, tmp_path / "one", workers=1)
    write_dataset(recipe, tmp_path / "two", workers=2)
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")
    other = dataclasses.replace(recipe, seed=6)
    write_dataset(other, tmp_path / "other", workers=1)
    assert hashes(tmp_path / "one") != hashes(tmp_path / "other")
    for table in ("sample", "sample_data", "sample_annotation", "instance", "scene"):
        one, two = (
            {row["token"] for row in json.loads((root / f"v1.0-synth/{table}.json").read_text())}
            for root in (tmp_path / "one", tmp_path / "other")
        )
        assert not one & two, "results of one world are no results of another"


def test_sweeps_lie_between_keyframes(tiny_recipe: Recipe, tmp_path: Path) -> None:
    rig = Rig(nuscenes_rig(32, 64).cameras[:1], None)
    recipe = dataclasses.replace(
        tiny_recipe, rig=rig, scenes=1, val_scenes=0, frames_per_scene=2, sweeps=True
    )
    write_dataset(recipe, tmp_path / "out", workers=1)
    rows = json.loads((tmp_path / "out/v1.0-synth/sample_data.json").read_text())
    samples = json.loads((tmp_path / "out/v1.0-synth/sample.json").read_text())
    assert [row["is_key_frame"] for row in rows] == [True, False, False, False, False, True]
    assert set(np.diff([row["timestamp"] for row in rows])) == {100_000}
    assert all(row["filename"].startswith("samples") == row["is_key_frame"] for row in rows)
    nearest = [min(samples, key=lambda s: abs(s["timestamp"] - row["timestamp"])) for row in rows]
    assert [row["sample_token"] for row in rows] == [sample["token"] for sample in nearest]


def test_a_finished_set_is_kept_and_another_is_refused(
    tiny_root: Path, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    assert write_dataset(tiny_recipe, tiny_root, workers=1) is False
    with pytest.raises(DrivetrError, match="another recipe"):
        write_dataset(dataclasses.replace(tiny_recipe, seed=9), tiny_root, workers=1)
    (tmp_path / "file").write_text("")
    with pytest.raises(DrivetrError, match="is a file"):
        write_dataset(tiny_recipe, tmp_path / "file", workers=1)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/notes.txt").write_text("")
    with pytest.raises(DrivetrError, match=r"holds notes\.txt"):
        write_dataset(tiny_recipe, tmp_path / "full", workers=1)
    (tmp_path / "new.partial").mkdir()
    (tmp_path / "new.partial/thesis.tex").write_text("")
    with pytest.raises(DrivetrError, match=r"new\.partial is in the way"):
        write_dataset(tiny_recipe, tmp_path / "new", workers=1)
    assert (tmp_path / "new.partial/thesis.tex").exists()


def test_a_full_disk_is_seen_before_the_work(
    tiny_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr("drivetr.data.synth.write.shutil.disk_usage", lambda _: usage)
    with pytest.raises(DrivetrError, match="are needed"):
        write_dataset(tiny_recipe, tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()


def test_keyframes_are_a_history_of_images(tiny_root: Path, tmp_path: Path) -> None:
    """Past images are found without sweeps: the one before a keyframe is the keyframe before."""
    index = open_index(tiny_root, "v1.0-synth", out_dir=tmp_path)
    dataset = NuScenesDataset(index, "synth_val", past=PastImages(first=1, end=2))
    frame, oldest = dataset[2], dataset[0]
    assert frame.cameras.age_s[6:].tolist() == pytest.approx([1.0] * 6, abs=0.06)
    assert torch.equal(frame.images[6:], oldest.images[:6])
    assert frame.continues
