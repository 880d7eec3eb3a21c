"""Decoding: whole RGB images out of every JPEG and PNG, one clear sentence otherwise."""

import io
import resource
import struct
import zlib

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.io import ImageReadMode, decode_image

from drivetr.data.decode import decode_image_file
from drivetr.errors import DrivetrError


@pytest.fixture(scope="module")
def picture():
    v, u = np.mgrid[:60, :80]
    pixels = np.stack([3 * u, 4 * v, 255 - 2 * (u + v) % 256], axis=-1)
    return Image.fromarray(pixels.astype(np.uint8))


def write(path, image, **options):
    image.save(path, **options)
    return path


def as_rgb(path):
    """Pillow's opinion, an independent decoder."""
    return torch.from_numpy(np.asarray(Image.open(path).convert("RGB")).copy()).permute(2, 0, 1)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpeg_of_every_mode_becomes_rgb(tmp_path, picture, mode):
    path = write(tmp_path / "a.jpg", picture.convert(mode), quality=95)
    found = decode_image_file(path)
    assert found.dtype == torch.uint8
    assert (found.int() - as_rgb(path).int()).abs().max() <= 1


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA", "P", "1"])
def test_png_of_every_mode_becomes_rgb(tmp_path, picture, mode):
    path = write(tmp_path / "a.png", picture.convert(mode))
    found = decode_image_file(path)
    assert torch.equal(found, decode_image(str(path), ImageReadMode.RGB))
    assert found.stride() == (1, 3 * 80, 3)


def test_png_of_sixteen_bit_colours_is_cut_to_eight(tmp_path):
    colours = np.random.default_rng(0).integers(0, 65536, (7, 9, 3), np.uint16)
    assert cv2.imwrite(str(tmp_path / "a.png"), colours[..., ::-1])
    expected = torch.from_numpy((colours >> 8).astype(np.uint8)).permute(2, 0, 1)
    assert torch.equal(decode_image_file(tmp_path / "a.png"), expected)


def test_png_that_kills_the_decoder_of_torchvision(tmp_path, picture):
    """Pixels with a filter that does not exist, in a chunk whose checksum is right."""
    data = write(tmp_path / "a.png", picture).read_bytes()
    start = data.index(b"IDAT")
    pixels = b"IDAT" + zlib.compress(b"\x09" * (60 * (1 + 80 * 3)))
    chunk = struct.pack(">I", len(pixels) - 4) + pixels + struct.pack(">I", zlib.crc32(pixels))
    end = data.index(b"IEND") - 4
    (tmp_path / "a.png").write_bytes(data[: start - 4] + chunk + data[end:])
    with pytest.raises(DrivetrError, match=r"a\.png: the image data is cut or damaged"):
        decode_image_file(tmp_path / "a.png")


def test_sixteen_bits_are_cut_to_eight(tmp_path, picture):
    grey = np.asarray(picture.convert("L"))
    path = write(tmp_path / "a.png", Image.fromarray(grey.astype(np.uint16) * 257))
    found = decode_image_file(path)
    assert found.dtype == torch.uint8
    assert torch.equal(found, torch.from_numpy(grey.copy()).expand(3, -1, -1))


def test_exif_orientation_is_ignored(tmp_path, picture):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    path = write(tmp_path / "a.jpg", picture, exif=exif, quality=95)
    found = decode_image_file(path)
    assert found.shape == (3, 60, 80)
    assert (found.int() - as_rgb(path).int()).abs().max() <= 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_cut_file_is_refused_wherever_it_is_cut(tmp_path, picture, kind):
    data = io.BytesIO()
    picture.save(data, kind)
    # A PNG without its checksum and its empty end chunk still has all of its pixels.
    last = len(data.getvalue()) - (2 if kind == "JPEG" else 24)
    path = tmp_path / "cut.jpg"
    for keep in [*range(0, last, 37), last]:
        path.write_bytes(data.getvalue()[:keep])
        with pytest.raises(DrivetrError, match=r"cut\.jpg: "):
            decode_image_file(path)


def test_png_without_its_end_is_whole(tmp_path, picture):
    path = write(tmp_path / "a.png", picture)
    whole = decode_image_file(path)
    data = path.read_bytes()
    for lost in range(1, 40):
        path.write_bytes(data[:-lost])
        try:
            assert torch.equal(decode_image_file(path), whole)
        except DrivetrError:
            assert lost > 12


def test_file_with_a_tail_of_zeros_is_refused(tmp_path, picture):
    """What a crash leaves where the file system had made room for the whole file."""
    path = write(tmp_path / "a.jpg", picture)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) // 2))
    with pytest.raises(DrivetrError, match="cut or damaged"):
        decode_image_file(path)


def test_missing_file(tmp_path):
    with pytest.raises(DrivetrError, match=r"gone\.jpg"):
        decode_image_file(tmp_path / "gone.jpg")


def test_neither_jpeg_nor_png(tmp_path, picture):
    with pytest.raises(DrivetrError, match="neither JPEG nor PNG"):
        decode_image_file(write(tmp_path / "a.jpg", picture, format="BMP"))


def test_decompression_bomb_costs_nothing(tmp_path):
    """A PNG header of 60,000 x 60,000 pixels, 10.8 GB when decoded."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    body = (
        chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10_000))) + chunk(b"IEND", b"")
    )
    path = tmp_path / "bomb.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DrivetrError, match="60000x60000"):
        decode_image_file(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024
