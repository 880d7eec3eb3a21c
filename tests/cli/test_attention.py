"""`drivetr attention` from its command line, and every wrong argument in a sentence."""

import argparse
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drivetr.cli import attention
from drivetr.errors import DrivetrError
from tests.engine.small_detr import write_checkpoint


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A checkpoint, and an image whose sides are no multiple of the stride."""
    folder = tmp_path_factory.mktemp("attention")
    pixels = np.random.default_rng(0).integers(0, 256, (75, 101, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "image.png")
    return str(write_checkpoint(folder / "run")), str(folder / "image.png")


def call(*arguments: str) -> None:
    parser = argparse.ArgumentParser()
    attention.add_arguments(parser)
    attention.run(parser.parse_args([*arguments, "--device", "cpu"]))


@pytest.mark.parametrize(
    ("options", "panels"),
    [
        ((), 6),
        (("--query", "0", "3"), 3),
        (("--point", "100,74"), 2),
        (("--point", "0,0", "--query", "1", "--layer", "1", "--head", "2"), 3),
    ],
)
def test_draws_a_sheet(files, tmp_path, options, panels):
    call(*files, "--out", str(tmp_path / "sheet.png"), *options)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    columns = min(4, panels)
    assert sheet.shape == (10 + -(-panels // 4) * (267 + 26 + 10), 10 + columns * 370, 3)
    assert sheet.std() > 10


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--query", "12"), "queries 0 to 11"),
        (("--query", "-1"), "queries 0 to 11"),
        (("--point", "101,3"), "outside the image, which is 101x75"),
        (("--point", "nan,3"), "outside the image"),
        (("--point", "3"), "expected X,Y"),
        (("--point", "a,b"), "expected X,Y"),
        (("--layer", "3"), "no decoder layer 3"),
        (("--point", "1,1", "--layer", "2"), "no encoder layer 2"),
        (("--head", "4"), "heads 0 to 3"),
    ],
)
def test_a_wrong_argument_is_told(files, tmp_path, options, told):
    with pytest.raises(DrivetrError, match=told) as caught:
        call(*files, "--out", str(tmp_path / "sheet.png"), *options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "sheet.png").exists()


def test_a_file_that_is_no_image(files, tmp_path):
    (tmp_path / "text.png").write_text("text")
    with pytest.raises(DrivetrError, match=r"text\.png"):
        call(files[0], str(tmp_path / "text.png"), "--out", str(tmp_path / "sheet.png"))


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    config = Path(__file__).parents[2] / "configs/vit/vit_digits.py"
    return str(write_checkpoint(tmp_path_factory.mktemp("vit"), config))


def test_a_vit_shows_all_layers_and_the_rollout(vit, files, tmp_path):
    call(vit, files[1], "--out", str(tmp_path / "sheet.png"))
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (10 + 2 * (267 + 26 + 10), 10 + 4 * 370, 3)  # six pictures


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--query", "0"), "--query asks a DETR, but .* is a ViT"),
        (("--point", "3,4"), "--point asks a DETR"),
        (("--layer", "0"), "--layer asks a DETR"),
        (("--head", "9"), "heads 0 to 3"),
    ],
)
def test_what_a_vit_is_not_asked(vit, files, tmp_path, options, told):
    with pytest.raises(DrivetrError, match=told):
        call(vit, files[1], "--out", str(tmp_path / "sheet.png"), *options)
    assert not (tmp_path / "sheet.png").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), r"holds a DETR, which does not look at the cameras around a car; name an IMAGE"),
        (("--point", "3,4"), "--point asks a DETR's encoder about an IMAGE"),
        (("--top", "2", "--query", "1"), "--top and --query both"),
    ],
)
def test_without_an_image_a_3d_detector_is_asked(files, tmp_path, options, told):
    with pytest.raises(DrivetrError, match=told):
        call(files[0], "--out", str(tmp_path / "sheet.png"), *options)


@pytest.mark.parametrize("option", ["--sample", "--top", "--dataroot", "--version", "--split"])
def test_an_image_is_no_sample(files, tmp_path, option):
    with pytest.raises(DrivetrError, match=rf"{option} asks a 3D detector about a sample"):
        call(*files, "--out", str(tmp_path / "sheet.png"), option, "3")
