import logging
import math
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from nuscenes.eval.common.data_classes import EvalBoxes
from nuscenes.eval.common.loaders import load_prediction
from nuscenes.eval.detection.data_classes import DetectionBox
from pyquaternion import Quaternion

from drivetr.errors import DrivetrError
from drivetr.evaluation.nuscenes.constants import CLASS_RANGE
from drivetr.evaluation.nuscenes.submission import (
    SubmissionWriter,
    load_submission,
    read_submission,
    submission_rows,
    write_submission,
)
from drivetr.geometry.boxes import BoxColumn, make_boxes
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.structures.detections import Detections

EYE = torch.eye(4, dtype=torch.float64)


def some(count, seed=0, spread=10.0, dtype=torch.float32):
    draw = torch.Generator().manual_seed(seed)
    center = (torch.rand(count, 3, generator=draw, dtype=dtype) - 0.5) * spread
    size = torch.rand(count, 3, generator=draw, dtype=dtype) + 0.5
    yaw = (torch.rand(count, generator=draw, dtype=dtype) - 0.5) * 6
    velocity = torch.randn(count, 2, generator=draw, dtype=dtype)
    labels = torch.randint(10, (count,), generator=draw)
    boxes = make_boxes(center, size, yaw, velocity)
    return Detections(boxes, torch.rand(count, generator=draw, dtype=dtype), labels)


def pose(yaw, x, y, z):
    matrix = np.eye(4)
    matrix[:3, :3] = Quaternion(axis=[0, 0, 1], angle=yaw).rotation_matrix
    matrix[:3, 3] = x, y, z
    return torch.from_numpy(matrix)


class TestRows:
    def test_values_by_hand(self):
        """A car 10 m ahead of a lidar that looks along the global +y axis."""
        boxes = make_boxes(
            torch.tensor([[10.0, 1.0, 0.5]]).double(),
            torch.tensor([[4.0, 2.0, 1.5]]).double(),
            torch.zeros(1).double(),
            torch.tensor([[3.0, 0.0]]).double(),
        )
        detections = Detections(boxes, torch.tensor([0.75]), torch.tensor([0]))
        (row,) = submission_rows("t", detections, DETECTION_CLASSES, pose(math.pi / 2, 100, 200, 1))
        assert row["sample_token"] == "t"
        assert row["translation"] == pytest.approx([99, 210, 1.5])
        assert row["size"] == [2.0, 4.0, 1.5]
        assert row["rotation"] == pytest.approx([math.sqrt(0.5), 0, 0, math.sqrt(0.5)])
        assert row["velocity"] == pytest.approx([0, 3])
        assert row["detection_name"] == "car"
        assert row["detection_score"] == 0.75
        assert row["attribute_name"] == "vehicle.moving"

    def test_only_plain_numbers(self):
        detections = some(5)
        for row in submission_rows("t", detections, DETECTION_CLASSES, EYE):
            numbers = [row["detection_score"], *row["translation"], *row["size"]]
            assert {type(n) for n in [*numbers, *row["rotation"], *row["velocity"]]} == {float}

    def test_ids_become_a_field_that_the_devkit_passes_over(self, tmp_path):
        carried = replace(some(3), ids=torch.tensor([11, 4, 11]))
        rows = submission_rows("t", carried, DETECTION_CLASSES, EYE)
        assert [row["query_id"] for row in rows] == [11, 4, 11]
        assert {type(row["query_id"]) for row in rows} == {int}
        plain = submission_rows("t", some(3), DETECTION_CLASSES, EYE)
        assert all("query_id" not in row for row in plain)

        for name, found in (("with", carried), ("without", some(3))):
            write_submission(tmp_path / f"{name}.json", {"t": (found, EYE, EYE)}, DETECTION_CLASSES)
        assert read_submission(tmp_path / "with.json")["t"] == rows
        with_ids, without = (
            load_prediction(str(tmp_path / f"{name}.json"), 500, DetectionBox)[0]
            for name in ("with", "without")
        )
        assert len(with_ids.all) == 3
        assert with_ids == without

    def test_unknown_velocity_is_written_as_zero(self):
        detections = some(2)
        detections.boxes[0, BoxColumn.VX] = math.nan
        first, second = submission_rows("t", detections, ["pedestrian"] * 10, EYE)
        assert first["velocity"] == [0.0, 0.0]
        assert first["attribute_name"] == "pedestrian.standing"
        assert second["velocity"] == pytest.approx(detections.boxes[1, 8:].tolist())


class TestWriter:
    def test_the_devkit_reads_it(self, tmp_path):
        path = tmp_path / "results.json"
        samples = {f"token{i}": (some(7, i), pose(i, 1, 2, 3), EYE) for i in range(3)}
        samples["empty"] = (some(0), EYE, EYE)
        write_submission(path, samples, DETECTION_CLASSES)
        boxes, meta = load_prediction(str(path), 500, DetectionBox)
        assert set(boxes.sample_tokens) == set(samples)
        assert meta == {"use_camera": True, "use_lidar": False, "use_radar": False,
                        "use_map": False, "use_external": False}  # fmt: skip
        assert EvalBoxes.deserialize(read_submission(path), DetectionBox) == boxes
        assert load_submission(path)["meta"] == meta

    def test_float16_and_float64_detections(self, tmp_path):
        for dtype in (torch.float16, torch.float64):
            detections = some(4)
            detections = Detections(
                detections.boxes.to(dtype), detections.scores.to(dtype), detections.labels
            )
            write_submission(tmp_path / "a.json", {"t": (detections, EYE, EYE)}, DETECTION_CLASSES)
            assert len(read_submission(tmp_path / "a.json")["t"]) == 4

    def test_no_sample_at_all(self, tmp_path):
        write_submission(tmp_path / "a.json", {}, DETECTION_CLASSES)
        assert read_submission(tmp_path / "a.json") == {}

    @pytest.mark.parametrize(("name", "limit"), CLASS_RANGE.items())
    def test_range_is_measured_from_the_car(self, tmp_path, name, limit):
        """The lidar stands 1 m ahead of the car's origin; the centre's height plays no part."""
        ego_from_lidar = pose(0.0, 1.0, 0.0, 0.0)
        x = torch.tensor([limit - 1.01, limit - 0.99, -limit - 0.99, -limit - 1.01])
        center = torch.stack([x, torch.zeros(4), torch.full((4,), 5.0)], dim=-1)
        boxes = make_boxes(center, torch.ones(4, 3), torch.zeros(4), torch.zeros(4, 2))
        labels = torch.full((4,), DETECTION_CLASSES.index(name))
        detections = Detections(boxes, torch.tensor([0.1, 0.2, 0.3, 0.4]), labels)
        path = tmp_path / "a.json"
        write_submission(path, {"t": (detections, EYE, ego_from_lidar)}, DETECTION_CLASSES)
        scores = [row["detection_score"] for row in read_submission(path)["t"]]
        assert scores == pytest.approx([0.1, 0.3])

    def test_keeps_the_500_best(self, tmp_path, caplog):
        detections = some(620)
        samples = {"a": (detections, EYE, EYE), "b": (some(500), EYE, EYE)}
        with caplog.at_level(logging.WARNING):
            write_submission(tmp_path / "a.json", samples, DETECTION_CLASSES)
        rows = read_submission(tmp_path / "a.json")
        best = sorted(detections.scores.tolist(), reverse=True)[:500]
        assert sorted((r["detection_score"] for r in rows["a"]), reverse=True) == best
        assert len(rows["b"]) == 500
        assert "1 samples had more than 500 boxes; the 120 lowest-scored" in caplog.text

    def test_nothing_left_behind_on_an_exception(self, tmp_path):
        def fail():
            with SubmissionWriter(tmp_path / "a.json", DETECTION_CLASSES) as writer:
                writer.add("t", some(3), EYE, EYE)
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fail()
        assert os.listdir(tmp_path) == []

    @pytest.mark.parametrize(
        ("column", "value"),
        [(BoxColumn.X, math.nan), (BoxColumn.LENGTH, 0.0), (BoxColumn.WIDTH, -1.0),
         (BoxColumn.HEIGHT, math.inf), (BoxColumn.VY, math.inf), (None, 1.5), (None, math.nan)],
    )  # fmt: skip
    def test_diverged_detector(self, tmp_path, column, value):
        detections = some(3)
        if column is None:
            detections.scores[1] = value
        else:
            detections.boxes[1, column] = value
        with pytest.raises(DrivetrError, match="sample abc: detection 1 .* diverged"):
            write_submission(tmp_path / "a.json", {"abc": (detections, EYE, EYE)}, ["car"] * 10)
        assert os.listdir(tmp_path) == []

    def test_unknown_class(self, tmp_path):
        with pytest.raises(DrivetrError, match="class 'tram' is none of"):
            SubmissionWriter(tmp_path / "a.json", ["car", "tram"])

    def test_programmers_errors(self, tmp_path):
        writer = SubmissionWriter(tmp_path / "a.json", DETECTION_CLASSES)
        with pytest.raises(ValueError, match="outside of its `with` block"):
            writer.add("t", some(1), EYE, EYE)
        with writer:
            writer.add("t", some(1), EYE, EYE)
            with pytest.raises(ValueError, match="already added"):
                writer.add("t", some(1), EYE, EYE)


class TestReadingBrokenFiles:
    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b'{"meta": {}, "results": {"a": [', r"not valid JSON: .* \(offset 31\)"),
            (b"", r"not valid JSON"),
            (b"\xff\xfe\x00", r"no UTF-8 text \(byte 0\)"),
            (b"[" * 100_000, "is no submission|not valid JSON"),
            (b'{"results": {"a": [], "a": []}}', "key 'a' stands twice"),
            (b'{"x": ' + b"9" * 5000 + b"}", "is no submission"),
            (b"PK\x03\x04", "not valid JSON"),
        ],
    )
    def test_no_json(self, tmp_path, content, told):
        (tmp_path / "a.json").write_bytes(content)
        with pytest.raises(DrivetrError, match=told) as caught:
            read_submission(tmp_path / "a.json")
        assert str(tmp_path / "a.json") in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_no_file(self, tmp_path):
        with pytest.raises(DrivetrError, match="does not exist"):
            read_submission(tmp_path / "a.json")
        with pytest.raises(DrivetrError, match="cannot be read"):
            read_submission(tmp_path)
