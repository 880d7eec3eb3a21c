import json
import math
import subprocess
import sys

import numpy as np
import pytest

from drivetr.cli import main as cli
from drivetr.data.nuscenes.categories import DETECTION_CLASS_OF
from drivetr.data.nuscenes.index import open_index
from tests.evaluation.nuscenes.track_world import (
    META,
    SAMPLES,
    VERSION,
    true_detections,
    true_tracks,
    write_json,
    write_track_world,
)

BOXES = 2 * 7 * SAMPLES


@pytest.fixture(autouse=True)
def _only_this_command(monkeypatch):
    monkeypatch.setattr(cli, "COMMANDS", ("track",))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = write_track_world(tmp_path_factory.mktemp("world"))
    assert cli.main(["index", str(root), "--version", VERSION]) == 0  # its progress is shown once
    return root


@pytest.fixture
def results(world, tmp_path):
    return write_json(tmp_path / "results.json", true_detections(world))


def track(results, world, out, *more, split="mine_val", version=VERSION):
    options = ["--dataroot", world, "--version", version, "--split", split, "--out", out, *more]
    return cli.main([str(part) for part in ("track", results, *options)])


def ids_of(path):
    return {b["tracking_id"] for boxes in json.loads(path.read_text())["results"].values()
            for b in boxes}  # fmt: skip


def truth_of(dataroot, version, split, path):
    """The boxes of a split that lidar points hit, as a detection submission."""
    index = open_index(dataroot, version)
    results = {}
    for row in index.samples_of_split(split).tolist():
        sample = index.sample(row)
        truth = sample.annotations
        velocity = np.nan_to_num(truth.velocity_global[:, :2])
        results[sample.token] = [
            {"sample_token": sample.token, "detection_name": DETECTION_CLASS_OF[category],
             "translation": truth.center_global[i].tolist(), "size": truth.size_wlh[i].tolist(),
             "rotation": truth.quaternion_wxyz[i].tolist(), "velocity": velocity[i].tolist(),
             "detection_score": 1.0, "attribute_name": ""}
            for i, category in enumerate(truth.category)
            if category in DETECTION_CLASS_OF
            and truth.num_lidar_pts[i] + truth.num_radar_pts[i] > 0
        ]  # fmt: skip
    return write_json(path, {"meta": META, "results": results})


class TestTruth:
    @pytest.mark.parametrize("ids", ["centers", "queries"])
    def test_gives_perfect_tracks(self, results, world, tmp_path, capsys, ids):
        out = tmp_path / "new" / "tracks.json"
        assert track(results, world, out, "--ids", ids) == 0
        content = json.loads(out.read_text())
        assert content["meta"] == META
        assert len(ids_of(out)) == 14
        metrics = json.loads((tmp_path / "new" / "tracks_metrics.json").read_text())
        assert metrics["amota"] == 1
        assert metrics["tp"] == BOXES
        assert metrics["ids"] == 0
        settings = {"max_age": 6, "limit_factor": 1.0} if ids == "centers" else {}
        assert metrics["drivetr"]["tracker"] == {
            "results": str(results), "ids": ids, "min_score": 0.0, **settings
        }  # fmt: skip
        printed = capsys.readouterr().out.splitlines()
        assert printed[0] == f"14 tracks with {BOXES} boxes in {2 * SAMPLES} samples: {out}"
        assert printed[1].startswith("AMOTA 1.0000")

    def test_tracks_end_at_a_gap_in_time(self, tmp_path):
        world = write_track_world(tmp_path / "world", break_us=3_000_000)
        results = write_json(tmp_path / "results.json", true_detections(world))
        for ids in ("centers", "queries"):
            out = tmp_path / f"{ids}.json"
            assert track(results, world, out, "--ids", ids, "--no-metrics") == 0
            assert len(ids_of(out)) == 28

    @pytest.mark.parametrize(("split", "classes"), [("mini_val", 2), ("mini_train", 3)])
    def test_real_keyframes(self, nuscenes_real, tmp_path, split, classes):
        path = truth_of(nuscenes_real, "v1.0-mini", split, tmp_path / "results.json")
        out, place = tmp_path / "tracks.json", tmp_path / "metrics.json"
        options = {"split": split, "version": "v1.0-mini"}
        assert track(path, nuscenes_real, out, "--metrics", place, **options) == 0
        metrics = json.loads(place.read_text())
        assert metrics["amota"] == 1
        assert metrics["ids"] == metrics["fn"] == metrics["fp"] == 0
        assert sum(count > 0 for count in metrics["drivetr"]["num_truth"].values()) == classes

    @pytest.mark.slow
    def test_synthetic_world(self, tmp_path):
        """Objects hide behind one another there, so that the truth itself has gaps."""
        world = tmp_path / "world"
        options = "--size 32x64 --scenes 4 --val-scenes 3 --frames-per-scene 16 --reach 14"
        command = [sys.executable, "-m", "drivetr.cli.main", "synth", str(world), "--workers", "1"]
        subprocess.run([*command, *options.split()], check=True, capture_output=True)
        path = truth_of(world, "v1.0-synth", "synth_val", tmp_path / "results.json")
        out = tmp_path / "tracks.json"
        assert track(path, world, out, split="synth_val", version="v1.0-synth") == 0
        metrics = json.loads((tmp_path / "tracks_metrics.json").read_text())
        assert metrics["amota"] >= 0.95
        assert metrics["recall"] >= 0.95
        assert sum(metrics["drivetr"]["num_truth"].values()) > 100


class TestMistakes:
    def told(self, capsys, *arguments, **options):
        assert track(*arguments, **options) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith("drivetr track: ")
        assert printed.err.count("\n") == 1
        return printed.err

    def test_of_the_submission(self, world, results, tmp_path, capsys):
        out = tmp_path / "out.json"

        def changed(change):
            content = true_detections(world)
            change(content["results"], next(iter(content["results"])))
            write_json(tmp_path / "changed.json", content)
            return self.told(capsys, tmp_path / "changed.json", world, out)

        assert "1 of the split's 32 samples are missing" in changed(lambda r, t: r.pop(t))
        assert "expected 2 finite numbers" in changed(
            lambda r, t: r[t][0].update(velocity=[math.nan, 0.0])
        )
        assert "detection_name is 'tram'" in changed(
            lambda r, t: r[t][0].update(detection_name="tram")
        )
        tracks = write_json(tmp_path / "tracks.json", true_tracks(world))
        assert "box of a tracking submission" in self.told(capsys, tracks, world, out)
        assert "--split mine_val would choose" in self.told(
            capsys, results, world, out, split="mine_train"
        )
        assert "has no split mine (found" in self.told(capsys, results, world, out, split="mine")
        assert "does not exist" in self.told(capsys, tmp_path / "absent.json", world, out)
        assert not out.exists()

    def test_no_ids_of_queries(self, world, tmp_path, capsys):
        content = true_detections(world)
        for boxes in content["results"].values():
            for box in boxes:
                del box["query_id"]
        bare = write_json(tmp_path / "bare.json", content)
        out = tmp_path / "out.json"
        assert "has no field query_id" in self.told(capsys, bare, world, out, "--ids", "queries")
        assert not out.exists()
        assert track(bare, world, out, "--no-metrics") == 0

    def test_of_places(self, world, results, tmp_path, capsys):
        before = results.read_bytes()
        link = tmp_path / "link.json"
        link.symlink_to(results)
        for out in (results, link):
            assert "are the same file" in self.told(capsys, results, world, out)
        assert results.read_bytes() == before
        out = tmp_path / "out.json"
        assert "are the same file" in self.told(capsys, results, world, out, "--metrics", out)
        assert "is a folder" in self.told(capsys, results, world, tmp_path)
        under_a_file = results / "out.json"
        assert "cannot be written" in self.told(capsys, results, world, under_a_file)

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            (("--min-score", "1.5"), "--min-score is 1.5"),
            (("--min-score", "nan"), "--min-score is nan"),
            (("--max-age", "0"), "--max-age is 0"),
            (("--limit-factor", "inf"), "--limit-factor is inf"),
            (("--ids", "queries", "--max-age", "3"), "--max-age is for --ids centers"),
            (("--ids", "queries", "--limit-factor", "1"), "--limit-factor is for --ids centers"),
            (("--metrics", "m.json", "--no-metrics"), "contradict each other"),
        ],
    )
    def test_of_options(self, world, results, tmp_path, capsys, options, text):
        assert text in self.told(capsys, results, world, tmp_path / "out.json", *options)


class TestWithoutMetrics:
    def test_extra_is_absent(self, world, results, tmp_path, capsys, monkeypatch):
        monkeypatch.setitem(sys.modules, "motmetrics", None)  # Python's way to forbid an import
        out = tmp_path / "tracks.json"
        assert track(results, world, out) == 0
        assert "No metrics: the devkit's tracking evaluation needs motmetrics" in (
            capsys.readouterr().out
        )
        assert len(ids_of(out)) == 14
        assert not (tmp_path / "tracks_metrics.json").exists()

        out.unlink()
        assert track(results, world, out, "--metrics", tmp_path / "metrics.json") == 2
        assert "pip install -e '.[tracking]'" in capsys.readouterr().err
        assert not out.exists()

    def test_split_without_truth(self, world, results, tmp_path, capsys):
        blind = write_track_world(tmp_path / "blind")
        for name in ("sample_annotation", "instance"):
            (blind / VERSION / f"{name}.json").write_text("[]")
        out = tmp_path / "tracks.json"
        assert track(results, blind, out) == 0
        assert "No metrics: split mine_val" in capsys.readouterr().out
        assert len(ids_of(out)) == 14
        assert track(results, blind, out, "--metrics", tmp_path / "metrics.json") == 2
        assert f"The tracks are in {out}." in capsys.readouterr().err
        assert not (tmp_path / "metrics.json").exists()

    def test_nothing_found(self, world, tmp_path, capsys):
        content = true_detections(world)
        content["results"] = {token: [] for token in content["results"]}
        out = tmp_path / "tracks.json"
        assert track(write_json(tmp_path / "empty.json", content), world, out) == 0
        assert "AMOTA 0.0000" in capsys.readouterr().out
        assert set(json.loads(out.read_text())["results"]) == set(content["results"])


def test_help_teaches_with_an_example(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["track", "--help"])
    assert "drivetr track results.json --dataroot" in capsys.readouterr().out
