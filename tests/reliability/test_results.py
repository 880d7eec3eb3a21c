"""Rows 58 to 64: result files of nuScenes, on the way out and on the way in."""

import json
import logging
import math
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from drivetr.evaluation.nuscenes.constants import CAMERA_ONLY_META
from drivetr.evaluation.nuscenes.submission import write_submission
from drivetr.geometry.boxes import make_boxes
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.structures.detections import Detections
from tests.cli.replay_world import random_checkpoint
from tests.reliability.command import (
    ROOT,
    TINY_PETR,
    accepted,
    refused,
    surroundings,
    true_results,
    within_reach,
)
from tests.reliability.world import VERSION, World

EYE = torch.eye(4, dtype=torch.float64)


@pytest.fixture
def truth(world: World, tmp_path: Path) -> Path:
    """A submission that repeats the truth of the whole dataset."""
    return true_results(within_reach(world), tmp_path / "truth.json")


def evaluate(world: World, results: Path, *more: str | Path, split: str = "all") -> list[Any]:
    named = ["--dataroot", world.root, "--version", VERSION, "--split", split]
    return ["evaluate", results, *named, *more]


def changed(results: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The submission after a change of its first box, in a file of its own."""
    content = json.loads(results.read_text())
    change(next(boxes[0] for boxes in content["results"].values() if boxes))
    path = results.with_name("changed.json")
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("detection_score", math.inf), ("detection_score", 2.0), ("detection_score", math.nan),
        ("detection_score", -0.1), ("detection_score", True), ("size", [2.0, 0.0, 1.5]),
        ("size", [-2.0, 4.0, 1.5]), ("size", [2.0, 4.0]), ("rotation", [0.0, 0.0, 0.0, 0.0]),
        ("rotation", [math.nan, 0.0, 0.0, 1.0]), ("velocity", [math.nan, 0.0]),
        ("translation", [math.inf, 0.0, 0.0]), ("attribute_name", "pedestrian.moving"),
        ("detection_name", "tram"), ("detection_name", None),
    ],
)  # fmt: skip
def test_row_58_impossible_boxes(world: World, truth: Path, tmp_path: Path, field: str, value: Any):
    out = tmp_path / "metrics.json"

    def change(box: dict[str, Any]) -> None:
        box.update({"detection_name": "car", "attribute_name": "", field: value})

    results = changed(truth, change)
    said = refused(*evaluate(world, results, "--out", out))
    assert said.startswith(f"{results}: sample ")
    assert "box 0: field " in said
    assert field in said
    assert "expected" in said
    assert not out.exists()


def test_row_59_more_than_500_boxes(
    world: World, truth: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    crowd = {"model.queries.num_queries": 400, "postprocess.max_detections": 4000}
    checkpoint = random_checkpoint(TINY_PETR, tmp_path / "crowd", crowd)
    with caplog.at_level(logging.WARNING):
        accepted(*world.test(checkpoint, tmp_path / "out"))
    results = tmp_path / "out/results.json"
    counts = [len(boxes) for boxes in json.loads(results.read_text())["results"].values()]
    assert counts == [500] * len(counts)
    assert f"{len(counts)} samples had more than 500 boxes; the " in caplog.text

    content = json.loads(truth.read_text())
    token, boxes = next((token, boxes) for token, boxes in content["results"].items() if boxes)
    content["results"][token] = [boxes[0]] * 501
    truth.write_text(json.dumps(content))
    said = refused(*evaluate(world, truth))
    assert f"{truth}: sample {token} has 501 boxes, expected 500 at most; keep those" in said


def test_row_60_missing_and_additional_samples(world: World, truth: Path, tmp_path: Path):
    out = tmp_path / "metrics.json"
    content = json.loads(truth.read_text())
    first, *_ = tokens = list(content["results"])
    one, other = (scene["name"] for scene in world.tables["scene"])

    content["results"]["nobody"] = content["results"].pop(first)
    for box in content["results"]["nobody"]:
        box["sample_token"] = "nobody"
    path = tmp_path / "exchanged.json"
    path.write_text(json.dumps(content))
    said = refused(*evaluate(world, path, "--out", out))
    assert f"{path} does not fit split all: 1 of the split's {len(tokens)} samples are miss" in said
    assert f"(first {first})" in said
    assert "1 samples are not in the split (first nobody)" in said

    part = true_results(world, tmp_path / "part.json", one)
    said = refused(*evaluate(world, part, "--out", out, split=other))
    assert f"exactly the samples of split {one}, which --split {one} would choose" in said
    assert not out.exists()


def test_row_61_numbers_of_numpy(world: World, truth: Path, tmp_path: Path):
    """Half, single and double precision, and numpy's truth values for the flags."""
    tokens = list(json.loads(truth.read_text())["results"])
    meta = {name: np.bool_(flag) for name, flag in CAMERA_ONLY_META.items()}
    scores, out = {}, tmp_path / "metrics.json"
    for dtype in (torch.float16, torch.float32, torch.float64):
        boxes = make_boxes(torch.ones(1, 3), torch.ones(1, 3), torch.zeros(1), torch.zeros(1, 2))
        scores[dtype] = torch.tensor([0.1], dtype=dtype)
        found = Detections(boxes.to(dtype), scores[dtype], torch.tensor([0]))
        path = tmp_path / "numbers.json"
        write_submission(path, {t: (found, EYE, EYE) for t in tokens}, DETECTION_CLASSES, meta)
        content = json.loads(path.read_text())
        assert content["meta"] == CAMERA_ONLY_META
        (row,) = content["results"][tokens[0]]
        assert row["detection_score"] == float(scores[dtype]), "no digit is lost"
        accepted(*evaluate(world, path, "--out", out))
        metrics = json.loads(out.read_text())
        assert isinstance(metrics["nd_score"], float)
        assert metrics["meta"] == CAMERA_ONLY_META


WRITING = """
import resource, sys
from pathlib import Path
import torch
from drivetr.evaluation.coco.results import ResultsWriter
from drivetr.evaluation.nuscenes.submission import SubmissionWriter
from drivetr.geometry.boxes import make_boxes
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.structures.detections import Detections
from drivetr.structures.detections2d import Detections2D

eye = torch.eye(4, dtype=torch.float64)
boxes = make_boxes(torch.rand(500, 3), torch.rand(500, 3) + 1, torch.rand(500), torch.rand(500, 2))
labels = torch.zeros(500, dtype=torch.long)
found = Detections(boxes, torch.rand(500), labels)
found_2d = Detections2D(torch.rand(500, 4).sort().values, torch.rand(500), labels)
open_nuscenes = lambda path: SubmissionWriter(path, DETECTION_CLASSES)
open_coco = lambda path: ResultsWriter(path, [1])
add_nuscenes = lambda writer, n: writer.add(f"token{n}", found, eye, eye)
add_coco = lambda writer, n: writer.add(n, found_2d)

def write(path, opened, add, count):
    with opened(path) as writer:
        for number in range(count):
            add(writer, number)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

for path, opened, add in (
    (Path(sys.argv[1]), open_nuscenes, add_nuscenes), (Path(sys.argv[2]), open_coco, add_coco)
):
    write(path, opened, add, 4)
    few = write(path, opened, add, 20)
    many = write(path, opened, add, 120)
    print(path.stat().st_size, many - few, flush=True)

with open_nuscenes(Path(sys.argv[1])) as one, open_coco(Path(sys.argv[2])) as other:
    for number in range(20):
        add_nuscenes(one, number)
        add_coco(other, number)
    print("half", flush=True)
    sys.stdin.read()
"""


def test_row_62_results_larger_than_memory(tmp_path: Path):
    """Memory does not follow the size of the file; a killed writer leaves the earlier one."""
    paths = [tmp_path / "nuscenes.json", tmp_path / "coco.json"]
    with subprocess.Popen(
        [sys.executable, "-c", WRITING, *map(str, paths)], cwd=ROOT, env=surroundings(), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            for path in paths:
                size, growth = map(int, process.stdout.readline().split())
                assert size == path.stat().st_size > 5e6
                assert growth < size / 5
            before = [path.read_bytes() for path in paths]
            assert process.stdout.readline() == "half\n"
            unfinished = [path for path in tmp_path.iterdir() if path not in paths]
            assert len(unfinished) == 2
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL
    assert [path.read_bytes() for path in paths] == before
    assert len(json.loads(before[0])["results"]) == 120
    assert len(json.loads(before[1])) == 120 * 500
    assert all(path.name.startswith(".") for path in unfinished)


def test_row_63_split_without_truth(world: World, truth: Path, tmp_path: Path):
    world.tables["sample_annotation"], world.tables["instance"] = [], []
    world.write()
    out = tmp_path / "metrics.json"
    said = refused(*evaluate(world, truth, "--out", out))
    assert f"split all of {VERSION} in {world.root} has no ground truth" in said
    assert "submit the results to the official server, or choose another split" in said
    assert not out.exists()


def test_row_64_class_that_the_truth_lacks(world: World, truth: Path, tmp_path: Path):
    from nuscenes.eval.common.config import config_factory
    from nuscenes.eval.detection.evaluate import DetectionEval
    from nuscenes.nuscenes import NuScenes

    # Nothing but cars is annotated, and somebody found a trailer.
    car = next(row for row in world.tables["category"] if row["name"] == "vehicle.car")
    for row in world.tables["instance"]:
        row["category_token"] = car["token"]
    world.write()
    content = json.loads(truth.read_text())
    for box in (box for boxes in content["results"].values() for box in boxes):
        box.update(detection_name="car", attribute_name="")
    truth.write_text(json.dumps(content))
    absent = "trailer"
    results = changed(truth, lambda box: box.update(detection_name=absent))
    out = tmp_path / "metrics.json"
    said = accepted(*evaluate(world, results, "--out", out))
    metrics = json.loads(out.read_text())

    nusc = NuScenes(VERSION, str(world.root), verbose=False)
    config = config_factory("detection_cvpr_2019")
    devkit = DetectionEval(nusc, config, str(results), "all", str(tmp_path / "devkit"), False)
    theirs = json.loads(json.dumps(devkit.evaluate()[0].serialize()))
    for key in ("label_aps", "mean_dist_aps", "label_tp_errors", "mean_ap", "nd_score"):
        assert repr(metrics[key]) == repr(theirs[key]), "to the last digit, NaN as NaN"
    assert metrics["mean_dist_aps"][absent] == 0.0
    assert metrics["label_tp_errors"][absent]["trans_err"] == 1.0
    assert absent in said
