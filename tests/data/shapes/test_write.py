"""The set on disk: COCO's reader takes it, the same recipe gives the same bytes."""

from pathlib import Path

import pytest
import torch
from torchvision.ops import box_convert

from drivetr.data.coco.dataset import CocoDataset
from drivetr.data.shapes.draw import SHAPES
from drivetr.data.shapes.write import ShapesRecipe, write_shapes
from drivetr.errors import DrivetrError

RECIPE = ShapesRecipe(train=4, val=3, size=64)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_same_recipe_same_bytes_other_seed_other_pictures(tmp_path):
    assert write_shapes(RECIPE, tmp_path / "a")
    assert write_shapes(RECIPE, tmp_path / "b")
    assert write_shapes(ShapesRecipe(4, 3, 64, seed=1), tmp_path / "c")
    a, b, c = (contents(tmp_path / name) for name in "abc")
    assert a == b
    pictures = [name for name in a if name.endswith(".png")]
    assert len(pictures) == 7
    assert all(a[name] != c[name] for name in pictures)
    assert a["train_shapes/000000000001.png"] != a["val_shapes/000000000001.png"]


def test_the_datasets_reader_takes_it(tmp_path):
    write_shapes(RECIPE, tmp_path / "set")
    dataset = CocoDataset(tmp_path / "set", "shapes", "val_shapes")
    assert len(dataset) == 3
    assert dataset.classes == SHAPES
    sample = dataset[0]
    assert sample.image.shape == (3, 64, 64)
    corners = box_convert(sample.targets.boxes, "cxcywh", "xyxy")
    assert len(corners) >= 1
    assert corners.min() >= 0
    assert corners.max() <= 1 + 1e-6
    # A shape is more colourful than the ground on average: the box is where the colour is.
    spread = sample.image.float().std(0)
    left, top, right, bottom = (corners[0] * 64).round().int().tolist()
    assert spread[top:bottom, left:right].mean() > spread.mean()


def test_a_finished_set_is_kept_and_another_one_refused(tmp_path):
    write_shapes(RECIPE, tmp_path / "set")
    before = contents(tmp_path / "set")
    assert not write_shapes(RECIPE, tmp_path / "set")
    assert contents(tmp_path / "set") == before
    with pytest.raises(DrivetrError, match="another recipe"):
        write_shapes(ShapesRecipe(5, 3, 64), tmp_path / "set")


def test_a_broken_run_leaves_nothing_half_done(tmp_path, monkeypatch):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("drivetr.data.shapes.write.draw_picture", stop)
    with pytest.raises(KeyboardInterrupt):
        write_shapes(RECIPE, tmp_path / "set")
    assert not (tmp_path / "set").exists()
    monkeypatch.undo()
    assert write_shapes(RECIPE, tmp_path / "set")
    assert not list(tmp_path.glob("*.partial"))
    assert torch.is_tensor(CocoDataset(tmp_path / "set", "shapes", "train_shapes")[0].image)
