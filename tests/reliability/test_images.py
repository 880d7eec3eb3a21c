"""Rows 9 to 19: images that are missing, broken or of another kind, and rigs of other cameras."""

import json
import logging
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from drivetr.data.nuscenes.dataset import NuScenesDataset
from tests.data.nuscenes.table_factory import TableShape, key_rows
from tests.reliability.world import HEIGHT, PETR, VERSION, WIDTH, World

WHOLE_SPLIT = ("train_data.batch_size=6",)  # one step sees every image
TOLERANT = (
    *WHOLE_SPLIT,
    "train_data.missing_images=tolerant",
    "train_data.missing_limit=0.1",
)
ONCE = "which is told only once"


def results_of(folder: Path) -> dict[str, list[dict]]:
    """Sample token -> boxes of a submission, whose numbers are all finite."""
    results = json.loads((folder / "results.json").read_text())["results"]
    for boxes in results.values():
        for box in boxes:
            numbers = [box[key] for key in ("translation", "size", "rotation", "velocity")]
            assert np.isfinite(np.concatenate([*numbers, [box["detection_score"]]])).all()
    return results


def weights_of(world: World) -> dict[str, torch.Tensor]:
    """What the last training of a world saved."""
    return torch.load(world.run / "last.pth", weights_only=True)["model"]


def test_row_09_missing_images_strict(world: World):
    gone = world.write().images()[:12]
    for path in gone:
        path.unlink()
    said = world.refused(world.train())
    assert f"{world.root}: 12 of 36 images are missing" in said
    assert said.count(".jpg") == 10
    assert "and 2 more; fetch them, or go on without these cameras by --cfg-options" in said
    assert not world.run.exists()
    assert world.refused(world.verify).count("error [missing-image]") == 11  # ten and "2 more"


def test_row_10_missing_images_tolerant(world: World, petr: Path, caplog, tmp_path: Path):
    gone = world.write().images("CAM_BACK")[:2]
    for path in gone:
        path.unlink()
    with caplog.at_level(logging.WARNING):
        world.accepted(world.train(*TOLERANT))
    told = [record.message for record in caplog.records if ONCE in record.message]
    assert len(told) == 1
    assert ".jpg: cannot be read (No such file or directory)" in told[0]
    assert all(weight.isfinite().all() for weight in weights_of(world).values())

    test = world.test(petr, tmp_path / "out")
    test[1:2] = [PETR, str(petr)]
    options = ["--cfg-options", "test_data.missing_images=tolerant", "test_data.missing_limit=0.1"]
    assert "2 of 36 images were absent or broken" in world.accepted([*test, *options])
    assert all(results_of(tmp_path / "out").values())

    limit = [*test, *options[:2]]
    limit[limit.index("--work-dir") + 1] = str(tmp_path / "too many")
    said = world.refused(limit)
    assert "1 of 36 images are missing or broken, more than missing_limit=1.00% allows" in said
    assert not list((tmp_path / "too many").glob("*"))


@pytest.mark.parametrize(
    ("row", "spoil", "found"),
    [
        pytest.param(11, lambda data: b"", "is empty (0 bytes)", id="empty"),
        pytest.param(12, lambda data: data[: len(data) // 2], "cut or damaged", id="cut"),
    ],
)
def spoilt_image(
    world: World, caplog: pytest.LogCaptureFixture, spoil: Callable[[bytes], bytes], found: str
) -> str:
    """Spoils one image: the sentence of a strict training, after a tolerant one went on."""
    path = world.write().images("CAM_BACK")[0]
    path.write_bytes(spoil(path.read_bytes()))
    said = world.refused(world.train(*WHOLE_SPLIT))
    assert path.name in said
    assert "train_data.missing_images=tolerant" in said
    assert f"{path}: {found}" in world.refused(world.verify)
    world.accepted(["train", PETR])
    return said


def test_row_13_image_of_another_size(world: World):
    path = world.write().images("CAM_FRONT")[0]
    Image.open(path).resize((WIDTH // 2, HEIGHT // 4)).save(path)
    said = world.refused(world.train(*WHOLE_SPLIT))
    assert (
        f"{path}: is 32x8 pixels but sample_data.json says 64x32; restore the original, or set"
        " rescale_intrinsics=True" in said
    )
    assert f"error [wrong-size] {path}: is 32x8, expected 64x32" in world.refused(world.verify)
    world.accepted(world.train(*WHOLE_SPLIT, "train_data.rescale_intrinsics=True"))

    rescaled = NuScenesDataset((world.root, VERSION), "all", rescale_intrinsics=True).raw_frame(0)
    Image.new("RGB", (WIDTH, HEIGHT)).save(path)
    plain = NuScenesDataset((world.root, VERSION), "all").raw_frame(0)
    scale = torch.tensor([0.5, 0.25, 1.0, 1.0], dtype=torch.float64)[:, None]
    expected = scale * plain.cameras.img_from_lidar[0]
    torch.testing.assert_close(rescaled.cameras.img_from_lidar[0], expected)


def test_row_14_images_that_are_no_rgb(world: World):
    paths = world.write().images()[:4]
    colours = Image.open(paths[0])
    grey = colours.convert("L")
    turned = Image.Exif()
    turned[0x0112] = 6  # orientation: by a quarter
    grey.save(paths[0])
    colours.convert("CMYK").save(paths[1])
    Image.fromarray(np.asarray(grey).astype(np.uint16) * 257).save(paths[2], "PNG")
    colours.save(paths[3], exif=turned)
    assert world.accepted(world.verify).count("warning [pixel-format]") == 3
    world.accepted(world.train(*WHOLE_SPLIT))

    dataset = NuScenesDataset((world.root, VERSION), "all")
    for path in paths:
        found = dataset.image_loader.load(str(path.relative_to(world.root)), HEIGHT, WIDTH)
        expected = grey.convert("RGB") if path == paths[2] else Image.open(path).convert("RGB")
        gap = np.abs(found.permute(1, 2, 0).numpy().astype(int) - np.asarray(expected))
        assert gap.max() <= 1  # of the two JPEG decoders
