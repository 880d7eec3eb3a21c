"""Tracking submissions from detection submissions: what is kept, named and refused."""

import copy
import io
import json
import random

import pytest
from nuscenes.eval.common.config import config_factory
from nuscenes.eval.common.loaders import load_prediction
from nuscenes.eval.tracking.data_classes import TrackingBox

from drivetr.errors import DrivetrError
from drivetr.evaluation.nuscenes.constants import CAMERA_ONLY_META
from drivetr.evaluation.nuscenes.tracks import (
    CENTER_LIMITS,
    CenterTracker,
    QueryTracker,
    Segment,
    dump_tracks,
    make_tracks,
)

ONE = Segment("one", ("a", "b", "c"), (0.0, 0.5, 1.0))
TWO = Segment("two", ("d",), (0.0,))


def box(token, x, name="car", score=0.5, **more):
    return {
        "sample_token": token, "translation": [x, 2.0, 1.0], "size": [2.0, 4.0, 1.5],
        "rotation": [1.0, 0.0, 0.0, 0.0], "velocity": [2.0, 0.0], "detection_name": name,
        "detection_score": score, "attribute_name": "", **more,
    }  # fmt: skip


def ids(tracks):
    return {token: [b["tracking_id"] for b in boxes] for token, boxes in tracks.items()}


def test_classes_are_the_devkit_s():
    config = config_factory("tracking_nips_2019")
    assert list(CENTER_LIMITS) == config.class_names


class TestCenters:
    def test_tracks_of_two_segments(self):
        results = {
            "a": [box("a", 0.0), box("a", 30.0, "bus")],
            "b": [box("b", 31.5, "bus"), box("b", 1.0, score=0.4), box("b", 60.0)],
            "c": [],
            "d": [box("d", 1.0)],
        }
        assert ids(make_tracks(results, [ONE, TWO], CenterTracker())) == {
            "a": ["one-1", "one-0"],  # equal scores are numbered in the order of the classes
            "b": ["one-0", "one-1", "one-2"],
            "c": [],
            "d": ["two-0"],
        }

    def test_only_what_is_tracked_and_scored_high_enough(self):
        names = ["car", "barrier", "traffic_cone", "construction_vehicle", "truck"]
        boxes = [box("d", 9.0 * i, name) for i, name in enumerate(names)]
        boxes += [box("d", 99.0, score=0.3), box("d", 120.0, score=1)]
        tracks = make_tracks({"d": boxes}, [TWO], CenterTracker(), min_score=0.5)["d"]
        assert [b["tracking_name"] for b in tracks] == ["car", "truck", "car"]
        assert [b["tracking_score"] for b in tracks] == [0.5, 0.5, 1.0]
        assert type(tracks[2]["tracking_score"]) is float
        assert set(tracks[0]) == {
            "sample_token", "translation", "size", "rotation", "velocity",
            "tracking_id", "tracking_name", "tracking_score",
        }  # fmt: skip
        for key in ("translation", "size", "rotation", "velocity"):
            assert tracks[1][key] == boxes[4][key]

    def test_limits_and_age(self):
        apart = {"a": [box("a", 0.0)], "b": [], "c": [box("c", 2.0 + 5.0)]}
        assert ids(make_tracks(apart, [ONE], CenterTracker()))["c"] == ["one-1"]
        assert ids(make_tracks(apart, [ONE], CenterTracker(limit_factor=1.5)))["c"] == ["one-0"]
        assert ids(make_tracks(apart, [ONE], CenterTracker(1, 1.5)))["c"] == ["one-1"]

    def test_order_does_not_matter(self):
        rng = random.Random(0)
        results = {
            token: [box(token, rng.uniform(0, 20), rng.choice(["car", "bus"])) for _ in range(9)]
            for token in ONE.tokens
        }
        straight = make_tracks(results, [ONE], CenterTracker())
        mixed = {token: rng.sample(boxes, 9) for token, boxes in results.items()}
        for token, boxes in make_tracks(mixed, [ONE], CenterTracker()).items():
            by_id = sorted(boxes, key=lambda b: b["tracking_id"])
            assert by_id == sorted(straight[token], key=lambda b: b["tracking_id"])


class TestQueries:
    def test_one_query_in_one_class_is_one_track(self):
        results = {
            "a": [box("a", 0.0, query_id=7), box("a", 0.0, "truck", query_id=7)],
            "b": [box("b", 90.0, query_id=7), box("b", 1.0, query_id=3)],
            "c": [box("c", 1.0, "barrier"), box("c", 0.0, "truck", query_id=7)],
            "d": [box("d", 0.0, query_id=7)],
        }
        assert ids(make_tracks(results, [ONE, TWO], QueryTracker("r.json"))) == {
            "a": ["one-7-car", "one-7-truck"],
            "b": ["one-7-car", "one-3-car"],
            "c": ["one-7-truck"],
            "d": ["two-7-car"],
        }

    @pytest.mark.parametrize(
        "wrong", [{}, {"query_id": "7"}, {"query_id": 7.0}, {"query_id": True}]
    )
    def test_no_integer(self, wrong):
        with pytest.raises(DrivetrError, match=r"r\.json: a box of sample d has .*--ids centers"):
            make_tracks({"d": [box("d", 0.0, **wrong)]}, [TWO], QueryTracker("r.json"))

    def test_twice_in_a_sample(self):
        twins = [box("d", 0.0, query_id=-7), box("d", 9.0, query_id=-7)]
        with pytest.raises(DrivetrError, match="2 boxes of class car with query_id -7"):
            make_tracks({"d": twins}, [TWO], QueryTracker("r.json"))


def test_the_devkit_reads_what_is_written(tmp_path):
    results = {"a": [box("a", 0.0), box("a", 9.0)], "b": [], "c": [box("c", 4.0)]}
    before = copy.deepcopy(results)
    tracks = make_tracks(results, [ONE], CenterTracker())
    assert results == before
    path = tmp_path / "tracks.json"
    with path.open("w") as file:
        dump_tracks(file, CAMERA_ONLY_META, tracks)
    config_factory("tracking_nips_2019")  # tells TrackingBox its classes
    boxes, meta = load_prediction(str(path), 500, TrackingBox)
    assert meta == CAMERA_ONLY_META
    assert boxes.sample_tokens == ["a", "b", "c"]
    assert [b.tracking_id for b in boxes.all] == [i for v in ids(tracks).values() for i in v]
    assert boxes["c"][0].translation == (4.0, 2.0, 1.0)


def test_no_samples_is_json_too():
    file = io.StringIO()
    dump_tracks(file, {}, {})
    assert json.loads(file.getvalue()) == {"meta": {}, "results": {}}
