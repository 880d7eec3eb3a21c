"""`drivetr layers` from its command line."""

import argparse
import json

import pytest
from PIL import Image

from drivetr.cli import layers
from drivetr.errors import DrivetrError
from tests.engine.small_detr import write_checkpoint, write_set


def call(*arguments: str) -> None:
    parser = argparse.ArgumentParser()
    layers.add_arguments(parser)
    layers.run(parser.parse_args([*arguments, "--device", "cpu"]))


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layers")
    dataroot = str(write_set(folder / "set"))
    checkpoint = str(write_checkpoint(folder / "run"))
    return [checkpoint, "--dataroot", dataroot, "--version", "shapes", "--split", "val_shapes"]


def test_prints_saves_and_draws(names, tmp_path, capsys):
    call(*names, "--out", str(tmp_path / "l.json"), "--plot", str(tmp_path / "l.png"))
    table = capsys.readouterr().out
    assert [line.split(" ")[1] for line in table.splitlines()[2:]] == ["1", "2", "3"]
    content = json.loads((tmp_path / "l.json").read_text())
    assert content["split"] == "val_shapes"
    assert content["nms_iou"] == 0.5
    assert [row["layer"] for row in content["layers"]] == [1, 2, 3]
    assert all(0 <= row["AP_nms"] <= 1 for row in content["layers"])
    assert Image.open(tmp_path / "l.png").size == (832, 546)


def test_a_wrong_overlap(names):
    with pytest.raises(DrivetrError, match="--nms-iou is 2"):
        call(*names, "--nms-iou", "2")


def test_a_split_that_is_not_there(names):
    with pytest.raises(DrivetrError, match="test_shapes"):
        call(*names[:-1], "test_shapes")
