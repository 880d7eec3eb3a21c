"""The metrics against the devkit's own script in another process, and against ground truth."""

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from nuscenes.eval.detection.utils import category_to_detection_name
from nuscenes.nuscenes import NuScenes

from drivetr.errors import DrivetrError
from drivetr.evaluation.nuscenes.constants import CAMERA_ONLY_META
from drivetr.evaluation.nuscenes.detection import evaluate_submission
from drivetr.evaluation.nuscenes.submission import write_submission
from drivetr.geometry.nuscenes_boxes import boxes_from_nuscenes
from drivetr.geometry.rigid import invert_rigid, rigid_from, rotation_from_quaternion
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.structures.detections import Detections

SAMPLES = {
    "mini_val": ["3e8750f331d7499e9b5123e9eb70f2e2", "3950bd41f74548429c0f7700ff3d8269"],
    "mini_train": ["ca9a282c9e77460f8360f564131a8af5"],
    "synth_val": [f"sample-scene-000{s}-{frame}" for s in (2, 3) for frame in range(4)],
}


def open_quietly(dataroot, version):
    return NuScenes(version, str(dataroot), verbose=False)


def float64(values):
    return torch.tensor(values, dtype=torch.float64)


def by_the_devkit(path, dataroot, version, split, out_dir):
    """metrics_summary.json and metrics_details.json of the devkit's script."""
    command = [sys.executable, "-m", "nuscenes.eval.detection.evaluate", path]
    options = {
        "output_dir": out_dir, "eval_set": split, "dataroot": dataroot, "version": version,
        "plot_examples": 0, "render_curves": 0, "verbose": 0,
    }  # fmt: skip
    command += [text for key, value in options.items() for text in (f"--{key}", value)]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    files = ("metrics_summary.json", "metrics_details.json")
    return [json.loads((Path(out_dir) / name).read_text()) for name in files]


def all_digits(metrics):
    """Text of all numbers (repr gives every digit; NaN equals NaN) but the time it took."""
    own = ("eval_time", "drivetr")
    return json.dumps({k: v for k, v in metrics.items() if k not in own}, sort_keys=True)


def dataset(request, split):
    if split in ("synth_train", "synth_val"):
        return request.getfixturevalue("tables_only"), "v1.0-synth"
    return request.getfixturevalue("nuscenes_real"), "v1.0-mini"


class TestEqualToTheDevkit:
    def check(self, request, tmp_path, random_submission, split, seed):
        dataroot, version = dataset(request, split)
        nusc = open_quietly(dataroot, version)
        path = tmp_path / "results.json"
        path.write_text(json.dumps(random_submission(nusc, SAMPLES[split], seed)))
        summary, details = by_the_devkit(path, dataroot, version, split, tmp_path / "theirs")

        ours = evaluate_submission(path, dataroot, version, split, out_dir=tmp_path / "ours")

        assert 0 < ours["mean_ap"] < 1
        assert all_digits(ours) == all_digits(summary)
        saved = json.loads((tmp_path / "ours/metrics_summary.json").read_text())
        assert all_digits(saved) == all_digits(summary)
        assert json.loads((tmp_path / "ours/metrics_details.json").read_text()) == details
        return nusc, ours

    @pytest.mark.parametrize("split", ["mini_val", "mini_train"])
    def test_official_split_of_a_cut_dataset(self, request, tmp_path, random_submission, split):
        self.check(request, tmp_path, random_submission, split, 0)

    def test_custom_split_with_all_the_odd_cases(self, request, tmp_path, random_submission):
        nusc, metrics = self.check(request, tmp_path, random_submission, "synth_val", 0)
        counts = metrics["drivetr"]["num_truth"]
        assert [name for name, count in counts.items() if not count] == ["bus", "trailer"]
        velocities = [nusc.box_velocity(row["token"])[0] for row in nusc.sample_annotation]
        assert any(math.isnan(v) for v in velocities)
        assert any(not nusc.get("sample", token)["anns"] for token in SAMPLES["synth_val"])

    @pytest.mark.slow
    @pytest.mark.parametrize("seed", range(1, 3))
    @pytest.mark.parametrize("split", SAMPLES)
    def test_random(self, request, tmp_path, random_submission, split, seed):
        self.check(request, tmp_path, random_submission, split, seed)


@pytest.mark.slow
class TestRenderedWorld:
    """A set from `drivetr synth`, with its sensor files removed: nobody may miss them."""

    def test_digits_and_perfect_submission(self, tmp_path, random_submission):
        dataroot, path = tmp_path / "synth", tmp_path / "results.json"
        options = "--scenes 3 --val-scenes 2 --frames-per-scene 2 --size 32x64 --workers 1"
        parts = ["-m", "drivetr.cli.main", "synth", str(dataroot), *options.split()]
        subprocess.run([sys.executable, *parts], check=True, capture_output=True)
        shutil.rmtree(dataroot / "samples")
        nusc = open_quietly(dataroot, "v1.0-synth")
        splits = json.loads((dataroot / "v1.0-synth/splits.json").read_text())
        scenes = {s["token"] for s in nusc.scene if s["name"] in splits["synth_val"]}
        tokens = [s["token"] for s in nusc.sample if s["scene_token"] in scenes]

        path.write_text(json.dumps(random_submission(nusc, tokens, 0)))
        theirs, _ = by_the_devkit(path, dataroot, "v1.0-synth", "synth_val", tmp_path / "theirs")
        ours = evaluate_submission(path, dataroot, "v1.0-synth", "synth_val")
        assert all_digits(ours) == all_digits(theirs)
        assert ours["mean_ap"] > 0

        perfect = {token: truth_as_detections(nusc, token) for token in tokens}
        write_submission(path, perfect, DETECTION_CLASSES)
        metrics = evaluate_submission(path, dataroot, "v1.0-synth", "synth_val")
        for name, count in metrics["drivetr"]["num_truth"].items():
            assert metrics["mean_dist_aps"][name] == pytest.approx(float(count > 0), abs=1e-12)


def truth_as_detections(nusc, token):
    """The ground truth of a sample that the devkit keeps, with global_ and ego_from_lidar."""
    sample = nusc.get("sample", token)
    data = nusc.get("sample_data", sample["data"]["LIDAR_TOP"])
    matrices = []
    for table in ("ego_pose", "calibrated_sensor"):
        row = nusc.get(table, data[f"{table}_token"])
        rotation = rotation_from_quaternion(float64(row["rotation"]))
        matrices.append(rigid_from(rotation, float64(row["translation"])))
    global_from_ego, ego_from_lidar = matrices
    global_from_lidar = global_from_ego @ ego_from_lidar
    rows = [nusc.get("sample_annotation", key) for key in sample["anns"]]
    names = [category_to_detection_name(row["category_name"]) for row in rows]
    seen = [row["num_lidar_pts"] + row["num_radar_pts"] > 0 for row in rows]
    keep = [i for i, name in enumerate(names) if name is not None and seen[i]]
    widths = {"translation": 3, "size": 3, "rotation": 4}
    boxes = boxes_from_nuscenes(
        *(float64([rows[i][column] for i in keep]).view(-1, n) for column, n in widths.items()),
        float64([nusc.box_velocity(rows[i]["token"]).tolist() for i in keep]).view(-1, 3),
        invert_rigid(global_from_lidar),
    )
    labels = torch.tensor([DETECTION_CLASSES.index(names[i]) for i in keep], dtype=torch.long)
    return Detections(boxes, torch.ones(len(keep)), labels), global_from_lidar, ego_from_lidar


class TestPerfectSubmission:
    @pytest.mark.parametrize("split", ["mini_val", "mini_train", "synth_val"])
    def test_scores_one(self, request, tmp_path, split):
        dataroot, version = dataset(request, split)
        nusc = open_quietly(dataroot, version)
        truth = {token: truth_as_detections(nusc, token) for token in SAMPLES[split]}
        write_submission(tmp_path / "results.json", truth, DETECTION_CLASSES)

        metrics = evaluate_submission(tmp_path / "results.json", dataroot, version, split)

        present = [name for name, n in metrics["drivetr"]["num_truth"].items() if n]
        assert len(present) == {"mini_val": 2, "mini_train": 5, "synth_val": 8}[split]
        for name in present:
            assert metrics["mean_dist_aps"][name] == pytest.approx(1, abs=1e-12)
            errors = metrics["label_tp_errors"][name]
            assert max(errors["trans_err"], errors["scale_err"]) < 1e-6
            assert name == "traffic_cone" or errors["orient_err"] < 1e-6
            if split != "mini_train" and name not in ("traffic_cone", "barrier"):
                assert errors["vel_err"] < 1e-6


class TestNothingFound:
    def test_every_sample_empty(self, nuscenes_real, tmp_path):
        path = tmp_path / "results.json"
        results = {token: [] for token in SAMPLES["mini_val"]}
        path.write_text(json.dumps({"meta": CAMERA_ONLY_META, "results": results}))
        metrics = evaluate_submission(path, nuscenes_real, "v1.0-mini", "mini_val")
        assert metrics["mean_ap"] == metrics["nd_score"] == 0
        assert set(metrics["tp_errors"].values()) == {1.0}
        assert metrics["drivetr"]["num_truth"]["pedestrian"] == 32

    def test_equals_boxes_that_match_nothing(self, tables_only, tmp_path):
        results = {token: [] for token in SAMPLES["synth_val"]}
        path = tmp_path / "results.json"
        path.write_text(json.dumps({"meta": CAMERA_ONLY_META, "results": results}))
        empty = evaluate_submission(path, tables_only, "v1.0-synth", "synth_val")
        token = SAMPLES["synth_val"][0]
        results[token] = [
            {"sample_token": token, "translation": [9e3, 0, 0], "size": [1, 1, 1],
             "rotation": [1, 0, 0, 0], "velocity": [0, 0], "detection_name": "bus",
             "detection_score": 1, "attribute_name": ""}
        ]  # fmt: skip
        path.write_text(json.dumps({"meta": CAMERA_ONLY_META, "results": results}))
        far = evaluate_submission(path, tables_only, "v1.0-synth", "synth_val")
        assert all_digits(empty) == all_digits(far)


class TestQuiet:
    def test_prints_nothing(self, nuscenes_real, tmp_path, capfd):
        path = tmp_path / "results.json"
        results = {token: [] for token in SAMPLES["mini_val"]}
        path.write_text(json.dumps({"meta": CAMERA_ONLY_META, "results": results}))
        evaluate_submission(path, nuscenes_real, "v1.0-mini", "mini_val")
        assert capfd.readouterr() == ("", "")
        evaluate_submission(path, nuscenes_real, "v1.0-mini", "mini_val", verbose=True)
        out, err = capfd.readouterr()
        assert out == ""
        assert "Loading NuScenes tables" in err

    def test_leaves_no_scratch_behind(self, tables_only, tmp_path, monkeypatch):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
        (tmp_path / "scratch").mkdir()
        path = tmp_path / "results.json"
        results = {token: [] for token in SAMPLES["synth_val"]}
        path.write_text(json.dumps({"meta": CAMERA_ONLY_META, "results": results}))
        evaluate_submission(path, tables_only, "v1.0-synth", "synth_val")
        assert not list((tmp_path / "scratch").iterdir())


class TestWrongSplit:
    def test_names_the_probable_split(self, nuscenes_real, tmp_path):
        path = tmp_path / "results.json"
        results = {token: [] for token in SAMPLES["mini_train"]}
        path.write_text(json.dumps({"meta": CAMERA_ONLY_META, "results": results}))
        with pytest.raises(DrivetrError, match="2 of the split's 2 samples are missing.*3e8750f3"):
            evaluate_submission(path, nuscenes_real, "v1.0-mini", "mini_val")
        with pytest.raises(DrivetrError, match="--split mini_train would choose"):
            evaluate_submission(path, nuscenes_real, "v1.0-mini", "mini_val")

    def test_part_of_what_was_submitted(self, tables_only, tmp_path, caplog, random_submission):
        """The devkit takes a custom split out of a larger submission; so does drivetr, aloud."""
        nusc = open_quietly(tables_only, "v1.0-synth")
        path = tmp_path / "results.json"
        everything = [sample["token"] for sample in nusc.sample]
        path.write_text(json.dumps(random_submission(nusc, everything, 0)))
        theirs, _ = by_the_devkit(path, tables_only, "v1.0-synth", "synth_train", tmp_path / "out")
        ours = evaluate_submission(path, tables_only, "v1.0-synth", "synth_train")
        assert all_digits(ours) == all_digits(theirs)
        assert "8 samples outside of split synth_train" in caplog.text
