"""Image headers as torchvision and Pillow decode the files."""

import contextlib
import struct
from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision.io import write_jpeg, write_png

from drivetr.data.image_header import ImageHeader, read_image_header
from drivetr.errors import DrivetrError


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("CMYK", 4)])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"exif": b"Exif\0\0" + bytes(999)}])
def test_jpeg(tmp_path: Path, mode: str, channels: int, options: dict):
    path = tmp_path / "a.jpg"
    Image.new(mode, (33, 21)).save(path, **options)
    assert read_image_header(path) == ImageHeader(33, 21, channels, 8)


@pytest.mark.parametrize(
    ("mode", "channels", "bits"),
    [("L", 1, 8), ("RGB", 3, 8), ("RGBA", 4, 8), ("LA", 2, 8), ("I;16", 1, 16), ("P", 3, 8)],
)
def test_png(tmp_path: Path, mode: str, channels: int, bits: int):
    path = tmp_path / "a.png"
    Image.new(mode, (33, 21)).save(path)
    assert read_image_header(path) == ImageHeader(33, 21, channels, bits)


def test_real_image(nuscenes_real: Path):
    path = next((nuscenes_real / "samples" / "CAM_FRONT").iterdir())
    assert read_image_header(path) == ImageHeader(1600, 900, 3, 8)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_any_cut_within_the_header_is_told(tmp_path: Path, suffix: str):
    path = tmp_path / f"a.{suffix}"
    write = write_jpeg if suffix == "jpg" else write_png
    write(torch.zeros(3, 9, 16, dtype=torch.uint8), str(path))
    whole = path.read_bytes()
    header = read_image_header(path)
    needed = 0
    for cut in range(200):
        path.write_bytes(whole[:cut])
        with contextlib.suppress(DrivetrError):
            assert read_image_header(path) == header
            needed = needed or cut
    assert 20 < needed < 190


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "is empty"),
        (b"<svg></svg>", "neither JPEG nor PNG"),
        (b"\xff\xd8\xff\xda\0\x02......", "without a frame header"),
        (b"\xff\xd8\xff\xe0\0\0......", "without a frame header"),
        (b"\xff\xd8\xff\xe0\0\x02!!....", "broken marker"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIDAT" + bytes(17), "broken IHDR"),
    ],
)
def test_faults(tmp_path: Path, content: bytes, match: str):
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(DrivetrError, match=match):
        read_image_header(path)


@pytest.mark.parametrize("size", [(60_000, 60_000), (0, 9)])
def test_size_out_of_range_is_refused(tmp_path: Path, size: tuple[int, int]):
    path = tmp_path / "a.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0) + bytes(4)
    )
    with pytest.raises(DrivetrError, match=f"promises {size[0]}x{size[1]} pixels"):
        read_image_header(path)


def test_missing_file(tmp_path: Path):
    with pytest.raises(DrivetrError, match="cannot be read"):
        read_image_header(tmp_path / "no.jpg")
