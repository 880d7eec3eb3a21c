"""What would crash the devkit is told beforehand, in one sentence."""

import contextlib
import copy
import json
import random
import shutil

import pytest

from drivetr.errors import DrivetrError
from drivetr.evaluation.nuscenes.constants import CAMERA_ONLY_META
from drivetr.evaluation.nuscenes.detection import evaluate_submission
from drivetr.evaluation.nuscenes.truth import open_tables, tokens_of_splits

VAL = [f"sample-scene-000{scene}-{frame}" for scene in (2, 3) for frame in range(4)]


@pytest.fixture
def empty_results(tmp_path):
    path = tmp_path / "results.json"
    results = {token: [] for token in VAL}
    path.write_text(json.dumps({"meta": CAMERA_ONLY_META, "results": results}))
    return path


def table(dataroot, name, version="v1.0-synth"):
    return json.loads((dataroot / version / f"{name}.json").read_text())


def overwrite(dataroot, name, rows, version="v1.0-synth"):
    (dataroot / version / f"{name}.json").write_text(json.dumps(rows))


def told(path, dataroot, version="v1.0-synth", split="synth_val"):
    with pytest.raises(DrivetrError) as caught:
        evaluate_submission(path, dataroot, version, split)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestDataset:
    def test_no_dataroot_no_version(self, empty_results, tables_only, tmp_path):
        assert "nowhere is not a folder" in told(empty_results, tmp_path / "nowhere")
        assert "no version at all" in told(empty_results, tmp_path)
        found = told(empty_results, tables_only, version="v1.0-mini")
        assert "has no version v1.0-mini (found: v1.0-synth)" in found

    def test_missing_table(self, empty_results, tables_only):
        (tables_only / "v1.0-synth/log.json").unlink()
        assert "lacks the table log.json" in told(empty_results, tables_only)

    def test_missing_map(self, empty_results, tables_only):
        (tables_only / "maps/map.png").unlink()
        assert "map.json names maps/map.png" in told(empty_results, tables_only)

    @pytest.mark.parametrize("name", ["map", "splits"])
    def test_broken_small_table(self, empty_results, tables_only, name):
        (tables_only / f"v1.0-synth/{name}.json").write_text("{")
        assert f"{name}.json cannot be read as JSON" in told(empty_results, tables_only)

    @pytest.mark.parametrize("content", ["[{", "[{}]", '[{"token": 1}]', "{}"])
    def test_broken_table(self, empty_results, tables_only, content):
        (tables_only / "v1.0-synth/instance.json").write_text(content)
        assert "`drivetr verify" in told(empty_results, tables_only)


class TestSplits:
    def test_unknown(self, empty_results, tables_only):
        found = told(empty_results, tables_only, split="synth_vla")
        assert "has no split synth_vla (found: synth_train, synth_val)" in found

    def test_no_splits_file(self, empty_results, tables_only):
        (tables_only / "v1.0-synth/splits.json").unlink()
        assert "splits.json does not exist" in told(empty_results, tables_only)

    def test_official_split_of_another_version(self, empty_results, tables_only, nuscenes_real):
        assert "ends in trainval, not to v1.0-synth" in told(
            empty_results, tables_only, split="val"
        )
        assert "ends in trainval, not to v1.0-mini" in told(
            empty_results, nuscenes_real, "v1.0-mini", "val"
        )

    def test_choice_of_an_official_version(self, empty_results, nuscenes_real):
        found = told(empty_results, nuscenes_real, "v1.0-mini", "minival")
        assert "(found: mini_train, mini_val)" in found

    @pytest.mark.parametrize("scenes", ["scene-0002", [1], {"scene-0002": 1}, None])
    def test_malformed(self, empty_results, tables_only, scenes):
        overwrite(tables_only, "splits", {"synth_val": scenes})
        assert "has to be a list of scene names" in told(empty_results, tables_only)

    def test_no_scene_of_it_is_there(self, empty_results, tables_only):
        overwrite(tables_only, "splits", {"synth_val": ["scene-0404"]})
        assert "none of its scenes is in the tables" in told(empty_results, tables_only)

    def test_tokens(self, nuscenes_real, tables_only):
        real = tokens_of_splits(open_tables(nuscenes_real, "v1.0-mini"), "mini_val")
        assert len(real[""]) == 3
        assert real["mini_train"] == ["ca9a282c9e77460f8360f564131a8af5"]
        assert len(real["mini_val"]) == 2
        assert "test" not in real
        synth = tokens_of_splits(open_tables(tables_only, "v1.0-synth"), "synth_val")
        assert synth["synth_val"] == VAL
        assert len(synth["synth_train"]) == 4
        assert len(synth[""]) == 12


class TestTruth:
    def test_test_split_has_none(self, tmp_path, tables_only):
        """A version as v1.0-test is: no annotations, and a scene of the official test split."""
        shutil.move(tables_only / "v1.0-synth", tables_only / "v1.0-test")
        overwrite(tables_only, "sample_annotation", [], "v1.0-test")
        overwrite(tables_only, "instance", [], "v1.0-test")
        scenes = table(tables_only, "scene", "v1.0-test")
        overwrite(tables_only, "scene", [s | {"name": "scene-0077"} for s in scenes], "v1.0-test")
        path = tmp_path / "r.json"
        tokens = [sample["token"] for sample in table(tables_only, "sample", "v1.0-test")]
        results = {token: [] for token in tokens}
        path.write_text(json.dumps({"meta": CAMERA_ONLY_META, "results": results}))
        found = told(path, tables_only, "v1.0-test", "test")
        assert "has no ground truth in sample_annotation.json" in found
        assert "official server" in found

    def test_two_attributes(self, empty_results, tables_only):
        rows = table(tables_only, "sample_annotation")
        row = next(r for r in rows if r["attribute_tokens"] and r["sample_token"] in VAL)
        row["attribute_tokens"] = row["attribute_tokens"] * 2
        overwrite(tables_only, "sample_annotation", rows)
        assert f"annotation {row['token']} has 2 attribute_tokens" in told(
            empty_results, tables_only
        )

    @pytest.mark.parametrize("field", ["attribute_tokens", "next"])
    def test_dangling_key(self, empty_results, tables_only, field):
        rows = table(tables_only, "sample_annotation")
        row = next(r for r in rows if r[field] and r["sample_token"] in VAL)
        row[field] = ["nowhere"] if field == "attribute_tokens" else "nowhere"
        overwrite(tables_only, "sample_annotation", rows)
        assert "`drivetr verify" in told(empty_results, tables_only)


class TestDamagedTables:
    """One field lost, emptied or of another type, anywhere: metrics or one sentence, no crash."""

    NAMES = ("category", "attribute", "instance", "sensor", "calibrated_sensor", "ego_pose", "log",
             "scene", "sample", "sample_data", "sample_annotation", "map")  # fmt: skip

    @pytest.mark.parametrize("name", NAMES)
    def test_random_damage(self, empty_results, tables_only, name):
        rng = random.Random(name)
        whole = table(tables_only, name)
        for _ in range(5):
            rows = copy.deepcopy(whole)
            row = rng.choice(rows)
            field = rng.choice(list(row))
            row[field] = rng.choice([None, "", [], {}, -1])
            if rng.random() < 0.3:
                del row[field]
            overwrite(tables_only, name, rows)
            with contextlib.suppress(DrivetrError):
                metrics = evaluate_submission(empty_results, tables_only, "v1.0-synth", "synth_val")
                assert metrics["mean_ap"] == 0


class TestRigWithoutLidar:
    def test_same_digits_as_with_it(self, tables_only, tmp_path, random_submission):
        """The ego pose is all that is taken from LIDAR_TOP."""
        nusc = open_tables(tables_only, "v1.0-synth")
        path = tmp_path / "results.json"
        path.write_text(json.dumps(random_submission(nusc, VAL, 5)))
        with_lidar = evaluate_submission(path, tables_only, "v1.0-synth", "synth_val")
        camera = {"token": "sensor", "channel": "CAM_NOSE", "modality": "camera"}
        overwrite(tables_only, "sensor", [camera])
        without = evaluate_submission(path, tables_only, "v1.0-synth", "synth_val")
        assert without["mean_ap"] > 0
        assert without["label_aps"] == with_lidar["label_aps"]

    def test_boxes_whose_points_nobody_counted(self, tables_only, tmp_path, random_submission):
        """The devkit drops boxes without points, which would be all of them."""
        counted = [row | {"num_lidar_pts": 1} for row in table(tables_only, "sample_annotation")]
        overwrite(tables_only, "sample_annotation", counted)
        path = tmp_path / "results.json"
        nusc = open_tables(tables_only, "v1.0-synth")
        path.write_text(json.dumps(random_submission(nusc, VAL, 5)))
        with_lidar = evaluate_submission(path, tables_only, "v1.0-synth", "synth_val")
        none = [row | {"num_lidar_pts": 0, "num_radar_pts": 0} for row in counted]
        overwrite(tables_only, "sample_annotation", none)
        camera = {"token": "sensor", "channel": "CAM_NOSE", "modality": "camera"}
        overwrite(tables_only, "sensor", [camera])
        without = evaluate_submission(path, tables_only, "v1.0-synth", "synth_val")
        assert sum(without["drivetr"]["num_truth"].values()) > 0
        assert without["label_aps"] == with_lidar["label_aps"]

    def test_no_sensor_at_all(self, empty_results, tables_only):
        rows = table(tables_only, "sample_data")
        lost = next(row for row in rows if row["sample_token"] == VAL[1])
        overwrite(tables_only, "sample_data", [row for row in rows if row is not lost])
        assert f"nor a camera key frame for sample {VAL[1]}" in told(empty_results, tables_only)
