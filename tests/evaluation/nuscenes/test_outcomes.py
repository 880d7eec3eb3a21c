"""Outcomes of single samples against the devkit, which goes through a whole split at once."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from nuscenes.eval.common.config import config_factory
from nuscenes.eval.common.data_classes import EvalBoxes
from nuscenes.eval.common.loaders import (
    add_center_dist,
    filter_eval_boxes,
    load_gt_of_sample_tokens,
    load_prediction,
)
from nuscenes.eval.common.utils import center_distance
from nuscenes.eval.detection import algo
from nuscenes.eval.detection.data_classes import DetectionBox
from nuscenes.nuscenes import NuScenes

from drivetr.evaluation.nuscenes.constants import CLASS_RANGE
from drivetr.evaluation.nuscenes.outcomes import (
    MATCH_M,
    PlacedBoxes,
    Surroundings,
    judged_boxes,
    match_boxes,
)
from drivetr.evaluation.nuscenes.truth import tokens_of_splits
from drivetr.structures.classes import DETECTION_CLASSES

RACK = "static_object.bicycle_rack"


def double(rows: list[list[float]], columns: int) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64).reshape(-1, columns)


def placed(boxes: list[DetectionBox], truth: bool) -> PlacedBoxes:
    return PlacedBoxes(
        centres=double([list(box.translation) for box in boxes], 3),
        labels=torch.tensor([DETECTION_CLASSES.index(b.detection_name) for b in boxes]).long(),
        scores=torch.tensor([box.detection_score for box in boxes], dtype=torch.float64),
        num_points=torch.tensor([box.num_pts for box in boxes]).long() if truth else None,
    )


def surroundings(nusc: NuScenes, token: str) -> Surroundings:
    sample = nusc.get("sample", token)
    lidar = nusc.get("sample_data", sample["data"]["LIDAR_TOP"])
    notes = [nusc.get("sample_annotation", key) for key in sample["anns"]]
    racks = [note for note in notes if note["category_name"] == RACK]
    return Surroundings(
        ego=torch.tensor(nusc.get("ego_pose", lidar["ego_pose_token"])["translation"]).double(),
        rack_centres=double([rack["translation"] for rack in racks], 3),
        rack_sizes=double([rack["size"] for rack in racks], 3),
        rack_rotations=double([rack["rotation"] for rack in racks], 4),
    )


@pytest.fixture
def recorded_pairs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The pairs that the devkit makes: it asks for the scale error of these and no others."""
    pairs: list[tuple[int, int]] = []
    original = algo.scale_iou

    def recorded(truth: DetectionBox, found: DetectionBox) -> float:
        pairs.append((id(truth), id(found)))
        return original(truth, found)

    monkeypatch.setattr(algo, "scale_iou", recorded)
    return pairs


Sides = tuple[NuScenes, dict[str, list[DetectionBox]], dict[str, list[DetectionBox]]]


def _sides(dataroot: Path, version: str, split: str, submission, folder: Path) -> Sides:
    """Truth and predictions of a split as the devkit reads them, before its filter."""
    nusc = NuScenes(version, str(dataroot), verbose=False)
    truth = add_center_dist(
        nusc, load_gt_of_sample_tokens(nusc, tokens_of_splits(nusc, split)[split], DetectionBox)
    )
    file = folder / "results.json"
    file.write_text(json.dumps(submission(nusc, truth.sample_tokens, seed=1)))
    found = add_center_dist(nusc, load_prediction(str(file), 500, DetectionBox)[0])
    return nusc, dict(truth.boxes), dict(found.boxes)


@pytest.fixture(params=["synth_val", "mini_val"])
def sides(request: pytest.FixtureRequest, tmp_path: Path, random_submission) -> Sides:
    split = request.param
    if split == "synth_val":
        dataroot, version = request.getfixturevalue("tables_only"), "v1.0-synth"
    else:
        dataroot, version = request.getfixturevalue("nuscenes_real"), "v1.0-mini"
    return _sides(dataroot, version, split, random_submission, tmp_path)


def _filtered(nusc: NuScenes, boxes: dict[str, list[DetectionBox]]) -> EvalBoxes:
    """What the devkit's filter leaves; the boxes are the same objects."""
    kept = EvalBoxes()
    for token, of_sample in boxes.items():
        kept.add_boxes(token, list(of_sample))
    return filter_eval_boxes(nusc, kept, config_factory("detection_cvpr_2019").class_range)


def _ours(sides: Sides, limit: float = MATCH_M) -> Iterator[tuple]:
    nusc, truth, found = sides
    for token in truth:
        outcome = match_boxes(
            placed(found[token], False),
            placed(truth[token], True),
            surroundings(nusc, token),
            DETECTION_CLASSES,
            limit,
        )
        yield found[token], truth[token], outcome


@pytest.mark.parametrize("least", [0.0, 0.45])
@pytest.mark.parametrize("limit", [0.5, 1.0, 2.0, 4.0])
def test_pairs_are_the_devkits(
    sides: Sides, recorded_pairs: list[tuple[int, int]], limit: float, least: float
) -> None:
    """Also where the devkit sees the predictions above a threshold only."""
    nusc, truth, found = sides
    surer = {t: [b for b in boxes if b.detection_score >= least] for t, boxes in found.items()}
    objects, predictions = _filtered(nusc, truth), _filtered(nusc, surer)
    for name in DETECTION_CLASSES:
        algo.accumulate(objects, predictions, name, center_distance, limit)
    ours = set()
    for boxes, of_truth, outcome in _ours(sides, limit):
        for row, partner in enumerate(outcome.found_partner.tolist()):
            if partner < 0:
                continue
            assert outcome.truth_partner[partner] == row
            if boxes[row].detection_score >= least:
                ours.add((id(of_truth[partner]), id(boxes[row])))
        assert (outcome.truth_partner >= 0).sum() == (outcome.found_partner >= 0).sum()
    assert ours == set(recorded_pairs)
    assert len(recorded_pairs) == len(ours) > 10


def test_filter_is_the_devkits(sides: Sides) -> None:
    nusc, truth, found = sides
    kept = [{id(box) for box in _filtered(nusc, side).all} for side in (truth, found)]
    dropped = [0, 0]
    for boxes, of_truth, outcome in _ours(sides):
        for side, (rows, judged) in enumerate(
            ((of_truth, outcome.truth_judged), (boxes, outcome.found_judged))
        ):
            assert judged.tolist() == [id(box) in kept[side] for box in rows]
            dropped[side] += len(rows) - int(judged.sum())
    assert min(dropped) > 0


def test_only_cycles_in_a_turned_rack_are_left_out() -> None:
    """A rack of 10 x 2 m along y = x: (3, 3) is inside, (3, 0) is not."""
    eighth = math.pi / 8  # half of the 45 degrees that the rack is turned by
    around = Surroundings(
        ego=torch.zeros(3).double(),
        rack_centres=torch.zeros(1, 3).double(),
        rack_sizes=double([[2.0, 10.0, 2.0]], 3),
        rack_rotations=double([[math.cos(eighth), 0.0, 0.0, math.sin(eighth)]], 4),
    )
    names = ["bicycle", "motorcycle", "car", "bicycle", "bicycle"]
    boxes = PlacedBoxes(
        centres=double([[3, 3, 0], [3, 3, 0.9], [3, 3, 0], [3, 0, 0], [3, 3, 1.1]], 3),
        labels=torch.tensor([DETECTION_CLASSES.index(name) for name in names]),
        scores=torch.ones(5),
    )
    got = judged_boxes(boxes, around, DETECTION_CLASSES).tolist()
    assert got == [False, False, True, True, True]


def test_range_is_not_met_by_equality_and_points_count_for_objects_only() -> None:
    nowhere = torch.zeros(0, 3).double()
    around = Surroundings(torch.zeros(3).double(), nowhere, nowhere, torch.zeros(0, 4).double())
    reach = CLASS_RANGE["pedestrian"]
    labels = torch.tensor([DETECTION_CLASSES.index("pedestrian")] * 3)
    centres = double([[reach, 0, 0], [0, reach - 1e-6, 9.0], [1, 0, 0]], 3)
    found = PlacedBoxes(centres, labels, torch.ones(3))
    truth = PlacedBoxes(centres, labels, torch.ones(3), torch.tensor([5, 5, 0]))
    assert judged_boxes(found, around, DETECTION_CLASSES).tolist() == [False, True, True]
    assert judged_boxes(truth, around, DETECTION_CLASSES).tolist() == [False, True, False]


def test_a_frame_without_boxes() -> None:
    nowhere = torch.zeros(0, 3).double()
    around = Surroundings(torch.zeros(3).double(), nowhere, nowhere, torch.zeros(0, 4).double())
    none = PlacedBoxes(nowhere, torch.zeros(0).long(), torch.zeros(0))
    some = PlacedBoxes(double([[1, 2, 3]], 3), torch.tensor([0]), torch.ones(1))
    outcome = match_boxes(none, some, around, DETECTION_CLASSES)
    assert outcome.truth_partner.tolist() == [-1]
    assert outcome.found_partner.shape == (0,)
    assert match_boxes(some, none, around, DETECTION_CLASSES).found_partner.tolist() == [-1]
