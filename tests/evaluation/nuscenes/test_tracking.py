"""The metrics against the devkit's own way from a file to numbers, and of tracks made by hand."""

import math
import sys

import pytest
from nuscenes.eval.common.config import config_factory
from nuscenes.nuscenes import NuScenes

from drivetr.errors import DrivetrError
from drivetr.evaluation.nuscenes.tracking import evaluate_tracks
from drivetr.evaluation.nuscenes.tracks import CenterTracker, Segment, make_tracks
from drivetr.evaluation.nuscenes.truth import NoTruthError
from tests.evaluation.nuscenes.track_world import (
    META,
    SAMPLES,
    VERSION,
    true_tracks,
    write_json,
    write_track_world,
)

CARS, PEDESTRIANS = 2 * 4 * SAMPLES, 2 * 3 * SAMPLES  # boxes in the two scenes of mine_val


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return write_track_world(tmp_path_factory.mktemp("world"))


def judged(world, tmp_path, tracks, split="mine_val"):
    path = write_json(tmp_path / "tracks.json", tracks)
    return evaluate_tracks(path, world, VERSION, split)


def of_class(metrics, name):
    return {key: values[name] for key, values in metrics["label_metrics"].items()}


def boxes_of(tracks, tracking_id):
    """The boxes of one object in the order of time."""
    everything = (box for boxes in tracks["results"].values() for box in boxes)
    return [box for box in everything if box["tracking_id"] == tracking_id]


class TestByHand:
    def test_perfect(self, world, tmp_path):
        metrics = judged(world, tmp_path, true_tracks(world))
        assert metrics["amota"] == metrics["recall"] == metrics["mota"] == 1
        assert metrics["amotp"] == pytest.approx(0, abs=1e-6)
        assert (metrics["ids"], metrics["fp"], metrics["fn"]) == (0, 0, 0)
        assert metrics["tp"] == CARS + PEDESTRIANS
        assert math.isnan(metrics["label_metrics"]["amota"]["bus"])
        assert metrics["meta"] == META
        counts = dict.fromkeys(("bicycle", "bus", "motorcycle", "trailer", "truck"), 0)
        found = metrics["drivetr"]
        assert found["num_truth"] == {**counts, "car": CARS, "pedestrian": PEDESTRIANS}
        assert (found["num_samples"], found["split"]) == (2 * SAMPLES, "mine_val")

    def test_one_switch_of_identity(self, world, tmp_path):
        tracks = true_tracks(world)
        for box in boxes_of(tracks, "0")[SAMPLES // 2 :]:
            box["tracking_id"] = "another"
        car = of_class(judged(world, tmp_path, tracks), "car")
        assert (car["ids"], car["fp"], car["fn"], car["tp"]) == (1, 0, 0, CARS - 1)
        assert car["mota"] == pytest.approx(1 - 1 / CARS)
        assert car["amota"] < 1

    def test_two_that_exchange_their_ids(self, world, tmp_path):
        tracks = true_tracks(world)
        for one, other in (("4", "5"), ("5", "4")):
            for box in boxes_of(true_tracks(world), one)[9:]:
                at = tracks["results"][box["sample_token"]]
                twin = next(b for b in at if b["translation"] == box["translation"])
                twin["tracking_id"] = other
        pedestrian = of_class(judged(world, tmp_path, tracks), "pedestrian")
        assert (pedestrian["ids"], pedestrian["tp"]) == (2, PEDESTRIANS - 2)

    def test_missing_last_box(self, world, tmp_path):
        tracks = true_tracks(world)
        last = boxes_of(tracks, "0")[-1]
        tracks["results"][last["sample_token"]].remove(last)
        car = of_class(judged(world, tmp_path, tracks), "car")
        assert (car["ids"], car["fp"], car["fn"], car["tp"]) == (0, 0, 1, CARS - 1)
        assert car["recall"] == pytest.approx(1 - 1 / CARS)

    def test_missing_middle_box_is_filled_in_by_the_devkit(self, world, tmp_path):
        tracks = true_tracks(world)
        middle = boxes_of(tracks, "0")[5]
        tracks["results"][middle["sample_token"]].remove(middle)
        car = of_class(judged(world, tmp_path, tracks), "car")
        assert (car["ids"], car["frag"], car["fn"]) == (0, 0, 0)
        assert 0 < car["motp"] < 0.001  # metres; the samples are not quite equally far apart

    def test_false_positives_and_misplaced_boxes(self, world, tmp_path):
        tracks = true_tracks(world)
        for box in boxes_of(tracks, "0"):
            box["translation"][1] += 2.5  # beyond the two metres of a match
        for box in boxes_of(tracks, "1"):
            box["translation"][1] += 1.0
            box["tracking_score"] = 1.0
        for box in boxes_of(tracks, "0"):
            box["tracking_score"] = 1.0
        car = of_class(judged(world, tmp_path, tracks), "car")
        assert (car["fp"], car["fn"], car["tp"]) == (SAMPLES, SAMPLES, CARS - SAMPLES)
        assert car["motp"] == pytest.approx(SAMPLES / (CARS - SAMPLES))

    def test_nothing_found(self, world, tmp_path):
        tracks = {"meta": META, "results": {token: [] for token in true_tracks(world)["results"]}}
        metrics = judged(world, tmp_path, tracks)
        assert (metrics["amota"], metrics["recall"], metrics["amotp"]) == (0, 0, 2)
        assert metrics["fn"] == CARS + PEDESTRIANS

    def test_rig_without_lidar(self, world, tmp_path):
        bare = write_track_world(tmp_path / "bare", lidar=False)
        metrics = judged(bare, tmp_path, true_tracks(bare))
        assert (metrics["amota"], metrics["tp"]) == (1, CARS + PEDESTRIANS)


def by_the_devkit(path, dataroot, version, split, out_dir):
    """What the devkit's script saves as metrics_summary.json."""
    from nuscenes.eval.tracking.evaluate import TrackingEval

    config = config_factory("tracking_nips_2019")
    names = str(path), split, str(out_dir), version, str(dataroot)
    return TrackingEval(config, *names, verbose=False).main(render_curves=False)


def segments_of(nusc, tokens):
    """A segment for each scene."""
    samples = [nusc.get("sample", token) for token in tokens]
    for scene in sorted({sample["scene_token"] for sample in samples}):
        here = [s for s in samples if s["scene_token"] == scene]
        here.sort(key=lambda s: s["timestamp"])
        times = tuple((s["timestamp"] - here[0]["timestamp"]) * 1e-6 for s in here)
        yield Segment(scene, tuple(s["token"] for s in here), times)


class TestEqualToTheDevkit:
    """Random boxes in tracks of our own: good and bad matches, switches, gaps, odd velocities."""

    def check(self, dataroot, version, split, tokens, tmp_path, random_submission, seed=0):
        nusc = NuScenes(version, str(dataroot), verbose=False)
        submission = random_submission(nusc, tokens, seed)
        found = {key: boxes[: len(boxes) // 2] for key, boxes in submission["results"].items()}
        results = make_tracks(found, segments_of(nusc, tokens), CenterTracker())
        for box in (box for boxes in results.values() for box in boxes):
            # Few different scores, so that the devkit has few thresholds to try.
            box["tracking_score"] = 0.5 + 0.1 * (int(box["tracking_id"].split("-")[-1]) % 4)
        path = write_json(tmp_path / "tracks.json", {"meta": META, "results": results})
        theirs = by_the_devkit(path, dataroot, version, split, tmp_path / "theirs")
        ours = evaluate_tracks(path, dataroot, version, split)
        assert set(ours) == {*theirs, "drivetr"}
        assert theirs["tp"] > 0
        assert ours["cfg"] == theirs["cfg"]
        assert ours["meta"] == theirs["meta"]
        for metric, by_class in theirs["label_metrics"].items():
            found = ours["label_metrics"][metric]
            # The devkit adds scenes in the order of a set, so that the last digit is not its own.
            assert found == pytest.approx(by_class, rel=1e-9, abs=1e-9, nan_ok=True), metric
            assert ours[metric] == pytest.approx(theirs[metric], rel=1e-9, abs=1e-9, nan_ok=True)
        return ours

    @pytest.mark.slow
    def test_own_split(self, tables_only, tmp_path, random_submission):
        tokens = [f"sample-scene-000{s}-{frame}" for s in (2, 3) for frame in range(4)]
        ours = self.check(
            tables_only, "v1.0-synth", "synth_val", tokens, tmp_path, random_submission
        )
        assert 0 < ours["amota"] < 1
        assert ours["ids"] > 0

    def test_official_split_of_a_cut_dataset(self, nuscenes_real, tmp_path, random_submission):
        tokens = ["3e8750f331d7499e9b5123e9eb70f2e2", "3950bd41f74548429c0f7700ff3d8269"]
        self.check(nuscenes_real, "v1.0-mini", "mini_val", tokens, tmp_path, random_submission, 1)


class TestMistakes:
    def told(self, world, tmp_path, content, split="mine_val"):
        with pytest.raises(DrivetrError) as caught:
            judged(world, tmp_path, content, split)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def test_extra_is_absent(self, world, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "motmetrics", None)  # Python's way to forbid an import
        found = self.told(world, tmp_path, true_tracks(world))
        assert "needs motmetrics, which is not installed; pip install -e '.[tracking]'" in found

    def test_wrong_files(self, world, tmp_path):
        content = true_tracks(world)
        some = next(iter(content["results"].values()))
        assert "No field `results`" in self.told(world, tmp_path, {"meta": META})
        assert "no tracking submission" in self.told(world, tmp_path, [])
        some[0]["tracking_name"] = "tram"
        assert "Unknown tracking_name tram" in self.told(world, tmp_path, content)
        del some[0]["tracking_name"]
        assert "it has no 'tracking_name'" in self.told(world, tmp_path, content)
        content["results"].popitem()
        assert "no tracking submission to this split" in self.told(world, tmp_path, content)

    def test_split_without_truth(self, world, tmp_path):
        assert "has no split mine_test" in self.told(world, tmp_path, {}, "mine_test")
        bare = write_track_world(tmp_path / "bare")
        (bare / VERSION / "category.json").write_text(
            (bare / VERSION / "category.json").read_text()
            .replace("human.pedestrian.adult", "movable_object.barrier")
            .replace("vehicle.car", "movable_object.trafficcone")
        )  # fmt: skip
        with pytest.raises(NoTruthError, match="no box of the seven classes"):
            judged(bare, tmp_path, true_tracks(world))
