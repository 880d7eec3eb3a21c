"""Rows 28 to 33, but for 31: boxes that are odd, absent, too many or of an unknown category."""

import logging
from pathlib import Path

import pytest
import torch

from drivetr.cli.main import main
from drivetr.data.nuscenes.dataset import NuScenesDataset
from drivetr.engine.api import load_detector
from drivetr.engine.training import outputs_of
from drivetr.geometry.boxes import VELOCITY
from drivetr.models.criterion import SetCriterion
from drivetr.models.matcher import HungarianMatcher
from drivetr.structures.frame import collate_frames
from tests.data.nuscenes.table_factory import TableShape
from tests.reliability.world import PETR, VERSION, World


def test_row_28_boxes_without_velocity(nuscenes_real: Path, petr: Path, tmp_path: Path):
    """The first real keyframe: nuScenes annotates at 2 Hz, and its neighbours are not here."""
    names = ["--dataroot", str(nuscenes_real), "--version", "v1.0-mini", "--split", "mini_train"]
    short = ["--device", "cpu", "--cfg-options", "schedule.iterations=1"]
    assert main(["train", PETR, *names, "--work-dir", str(tmp_path), *short]) == 0

    loaded = load_detector(petr, "cpu")
    batch = collate_frames([loaded.dataset(nuscenes_real, "v1.0-mini", "mini_train")[0]])
    assert len(batch.targets[0]) > 0
    assert batch.targets[0].boxes[:, VELOCITY].isnan().all()
    outputs = outputs_of(loaded.detector, batch)
    boxes = outputs["pred_boxes"].detach().requires_grad_()
    losses = SetCriterion(HungarianMatcher())(
        {**outputs, "pred_boxes": boxes, "aux_outputs": []}, *batch.truth
    )
    losses["loss_bbox"].backward()
    assert boxes.grad.isfinite().all()
    matched = boxes.grad[0][boxes.grad[0].any(-1)]
    assert len(matched) == min(len(batch.targets[0]), boxes.shape[1])
    assert (matched[:, VELOCITY] == 0).all()
    assert (matched[:, : VELOCITY.start].count_nonzero(dim=0) == len(matched)).all()


def test_row_29_boxes_without_size(world: World):
    world.write()
    before = boxes_of(world)
    rows = world.tables["sample_annotation"]
    sizes = [[0.0, 4.0, 1.5], [1.9, -4.0, 1.5], [1.9, 4.0, float("nan")]]
    for row, size in zip(rows, sizes, strict=False):
        row["size"] = size
    world.write()
    assert "warning: 3 x box-size" in world.accepted(world.index)
    told = world.accepted(world.verify)
    for number, size in enumerate(sizes):
        assert (
            f"sample_annotation.json: row {number}, field size is {size}, expected finite and"
            " above 0; the box is left out" in told
        )
    assert boxes_of(world) == before - 3
    world.accepted(world.train("train_data.min_points=0"))


def boxes_of(world: World) -> int:
    """Annotations of a world that its index holds."""
    world.accepted(world.index)
    return NuScenesDataset((world.root, VERSION), "all").index.num_annotations


def test_row_30_sample_without_boxes(world: World):
    """Two steps on scenes without any box, beside another that has some."""
    empty = {row["token"] for row in world.tables["sample"][3:]}
    boxes = world.tables["sample_annotation"]
    gone = {row["instance_token"] for row in boxes if row["sample_token"] in empty}
    world.tables["sample_annotation"] = [r for r in boxes if r["instance_token"] not in gone]
    world.tables["instance"] = [r for r in world.tables["instance"] if r["token"] not in gone]
    options = ("schedule.iterations=2", "checkpoint={'interval': 1, 'keep': 2}")
    world.write().accepted(world.train(*options, split="scene-0001"))
    first, second = (
        torch.load(world.run / f"iter_{n}.pth", weights_only=True)["model"] for n in (1, 2)
    )
    assert all(weight.isfinite().all() for weight in second.values())
    assert any("head" in key and not torch.equal(first[key], second[key]) for key in first)


def test_row_32_more_boxes_than_queries(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    shape = TableShape(
        scenes=1, samples_per_scene=1, camera_sweeps=0, lidar_sweeps=0, radars=0,
        objects_per_scene=1300,
    )  # fmt: skip
    world = World(tmp_path / "data", shape).write()
    with caplog.at_level(logging.WARNING):
        world.accepted(world.train("model.queries.num_queries=900", "schedule.iterations=2"))
    told = [r.message for r in caplog.records if "the detector only 900 queries" in r.message]
    assert len(told) == 1
    assert int(told[0].split()[3]) > 900
    weights = torch.load(world.run / "last.pth", weights_only=True)["model"]
    assert all(weight.isfinite().all() for weight in weights.values())


def test_row_33_unknown_category(world: World):
    for row in world.tables["category"]:
        if row["name"] == "vehicle.car":
            row["name"] = "vehicle.hovercraft"
    world.write()
    told = world.accepted(world.verify)
    assert "[unknown-category] category.json: field name 'vehicle.hovercraft'" in told
    assert "its boxes have no detection class" in told
    assert "warning: 1 x unknown-category" in world.accepted(world.index)
    dataset = NuScenesDataset((world.root, VERSION), "all", min_points=0)
    assert not any(
        (dataset[i].targets.labels == dataset.classes.index("car")).any() for i in range(6)
    )
    world.accepted(world.train())
