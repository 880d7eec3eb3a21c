"""Rows 9 to 19: images that are missing, broken or of another kind, and rigs of other cameras."""

import ctypes
import gc
import json
import logging
import os
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from subprocess import PIPE

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


def test_row_09_missing_images_strict(world: World):
    gone = world.write().images()[:12]
    for path in gone:
        path.unlink()
    said = world.refused(world.train())
    assert f"{world.root}: 12 of 36 images are missing" in said
    assert said.count(".jpg") == 10
    assert "and 2 more; fetch them, or go on without these cameras by --cfg-options" in said
    assert not list(world.run.glob("*.pth"))
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


def test_row_11_empty_image(world: World):
    path = world.write().images("CAM_BACK")[0]
    path.write_bytes(b"")
    said = world.refused(world.train())
    assert "1 of 36 images are missing or empty: samples/CAM_BACK/" in said
    assert not list(world.run.glob("*.pth"))
    assert f"{path}: is empty (0 bytes)" in world.refused(world.verify)
    world.accepted(world.train(*TOLERANT))


@pytest.mark.parametrize("tail", [b"", bytes(500)], ids=["cut", "filled with zeros"])
def test_row_12_truncated_image(world: World, tail: bytes):
    path = world.write().images("CAM_BACK")[0]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + tail)
    fault = "the image data is cut or damaged"
    said = world.refused(world.train(*WHOLE_SPLIT))
    assert f"{path}: {fault}" in said
    assert "`drivetr verify` counts all such files" in said
    assert f"[truncated-image] {path}: {fault}" in world.refused(world.verify)
    world.accepted(world.train(*TOLERANT))


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


# The kernel's own mark cannot be taken back everywhere, and a thread would wait for decoders.
LOOKS_ON = """
import select, sys
def used_kb():
    with open(f"/proc/{sys.argv[1]}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
peak = before = used_kb()
print(before, flush=True)
ended = False
while not ended:
    ended = bool(select.select([sys.stdin], [], [], 0.001)[0])
    peak = max(peak, used_kb())
print(peak)
"""


class PeakMemory:
    """By how many kB the memory of this process was at most larger than before.

    Another process asks for it every millisecond, and once more at the end.
    """

    def __enter__(self) -> "PeakMemory":
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)  # else what was freed before is used anew, unseen
        command = [sys.executable, "-S", "-c", LOOKS_ON, str(os.getpid())]
        self._watch = subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True)
        assert self._watch.stdout is not None
        self._before = int(self._watch.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        peak, _errors = self._watch.communicate()
        self.grown_kb = int(peak) - self._before


def bomb_png() -> bytes:
    """A header of 60,000 x 60,000 pixels, 10.8 GB when decoded, of which 200 MB are there."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(200_000_000), 1)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def test_row_15_decompression_bomb(world: World):
    path = world.write().images("CAM_BACK")[0]
    world.accepted(world.verify)  # what this imports is not to be counted
    world.accepted(world.train(*WHOLE_SPLIT))
    shutil.rmtree(world.run)
    path.write_bytes(bomb_png())
    for command in (world.verify, world.train(*WHOLE_SPLIT)):
        with PeakMemory() as memory:
            said = world.refused(command)
        assert memory.grown_kb < 50_000
        assert f"{path}: the header promises 60000x60000 pixels" in said
        assert "the file is not decoded" in said
    with PeakMemory() as memory:
        world.accepted(world.train(*TOLERANT))
    assert memory.grown_kb < 50_000
    with PeakMemory() as memory:
        held = np.ones(60_000_000, np.uint8)
    assert held.all()
    assert memory.grown_kb > 50_000, "the measure sees what is there"


def without_images(world: World, gone: list[dict]) -> None:
    """Takes rows out of sample_data and mends the links to them."""
    tokens = {row["token"] for row in gone}
    rows = [row for row in world.tables["sample_data"] if row["token"] not in tokens]
    for row in rows:
        row.update({side: "" for side in ("prev", "next") if row[side] in tokens})
    world.tables["sample_data"] = rows


def test_row_16_five_of_six_cameras(world: World, petr: Path, tmp_path: Path):
    lost = list(key_rows(world.tables, "CAM_BACK"))[1]
    without_images(world, [lost])
    world.write()
    world.accepted(world.train(*WHOLE_SPLIT))
    told = world.accepted(world.test(petr, tmp_path))
    assert "1 of 36 images were absent or broken; their cameras were masked" in told
    assert "without any image" not in told
    assert len(results_of(tmp_path)[lost["sample_token"]]) > 0


def test_row_17_no_camera_at_all(world: World, petr: Path, streampetr: Path, tmp_path: Path):
    blind = world.tables["sample"][1]["token"]
    cameras = [row for row in world.tables["sample_data"] if row["fileformat"] == "jpg"]
    without_images(
        world, [row for row in cameras if row["sample_token"] == blind and row["is_key_frame"]]
    )
    world.write()
    world.accepted(world.train(*WHOLE_SPLIT))
    for checkpoint in (petr, streampetr):
        out = tmp_path / checkpoint.parents[1].name
        told = world.accepted(world.test(checkpoint, out))
        assert f"1 samples without any image have no detections, the first is {blind}" in told
        results = results_of(out)
        assert results.pop(blind) == []
        assert all(results.values())


def test_row_18_cameras_in_another_order(
    world: World, petr: Path, streampetr: Path, tmp_path: Path
):
    """In the tables the order means nothing; in a rig of other names it is that of the names."""
    world.write()
    for checkpoint in (petr, streampetr):
        world.accepted(world.test(checkpoint, tmp_path / "plain" / checkpoint.parents[1].name))
    for name in ("sensor", "calibrated_sensor", "sample_data"):
        world.tables[name].reverse()
    world.write().accepted(world.index)
    world.accepted(world.test(petr, tmp_path / "reversed"))
    assert results_of(tmp_path / "reversed") == results_of(
        tmp_path / "plain" / petr.parents[1].name
    )

    # PETR's published encoding counts the cameras, StreamPETR's knows where they look only.
    names = ["CAM_FRONT", "CAM_FRONT_RIGHT", "CAM_FRONT_LEFT", "CAM_BACK"]
    names += ["CAM_BACK_LEFT", "CAM_BACK_RIGHT"]
    for row in world.tables["sensor"]:
        if row["channel"] in names:
            row["channel"] = f"EYE_{9 - names.index(row['channel'])}"
    assert "6 cameras" in world.write().accepted(world.index)
    dataset = NuScenesDataset((world.root, VERSION), "all")
    assert dataset.camera_names == ("EYE_4", "EYE_5", "EYE_6", "EYE_7", "EYE_8", "EYE_9")
    world.accepted(world.test(streampetr, tmp_path / "renamed"))
    plain = results_of(tmp_path / "plain" / streampetr.parents[1].name)
    renamed = results_of(tmp_path / "renamed")
    assert plain.keys() == renamed.keys()
    for token, boxes in plain.items():
        assert len(boxes) == len(renamed[token]) > 0
        for one, other in zip(*map(in_order, (boxes, renamed[token])), strict=True):
            assert one == pytest.approx(other, abs=1e-3)


def in_order(boxes: list[dict]) -> list[list[float]]:
    """Numbers of each box, in an order that does not hang on the last bits of the scores."""
    rows = [[*box["translation"], *box["size"], box["detection_score"]] for box in boxes]
    return sorted(rows, key=lambda row: [round(value, 2) for value in row])


def test_row_19_seven_cameras_of_other_names(petr: Path, tmp_path: Path):
    eyes = tuple(f"EYE_{letter}" for letter in "ABCDEFG")
    shape = TableShape(
        scenes=1, samples_per_scene=2, cameras=eyes, camera_sweeps=0, lidar_sweeps=0, radars=0
    )
    world = World(tmp_path / "data", shape).write()
    assert "14 images of 7 cameras" in world.accepted(world.index)
    world.accepted(world.train(*WHOLE_SPLIT))
    world.accepted(world.test(petr, tmp_path))
    assert all(results_of(tmp_path).values())
