"""Chunks, checksums and packed pixels of PNG files."""

import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from drivetr.data.decode import decode_image_file
from drivetr.data.png_check import SIGNATURE, fault_of_png
from drivetr.errors import DrivetrError


def chunk(kind: bytes, content: bytes) -> bytes:
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


HEADER = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 8, 2, 0, 0, 0))
PIXELS, END = chunk(b"IDAT", zlib.compress(bytes(7))), chunk(b"IEND", b"")


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "I;16"])
def test_whole_files_of_pillow_pass(tmp_path: Path, mode: str):
    Image.new(mode, (33, 21)).save(tmp_path / "a.png")
    assert fault_of_png((tmp_path / "a.png").read_bytes()) is None
    assert decode_image_file(tmp_path / "a.png").shape == (3, 21, 33)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (HEADER, "is cut"),
        (HEADER + PIXELS[:-1], "is cut"),
        (HEADER + PIXELS[:-1] + b"!" + END, "'IDAT' chunk with a wrong checksum"),
        (HEADER + chunk(b"IDAT", b"no zlib") + END, "has pixels that do not unpack"),
        (HEADER + chunk(b"IDAT", zlib.compress(bytes(7))[:-3]) + END, "lacks pixels"),
        (HEADER + END, "lacks pixels"),
        (PIXELS + HEADER + END, "lacks pixels, a palette or its header"),
    ],
)
def test_damage(tmp_path: Path, content: bytes, said: str):
    path = tmp_path / "a.png"
    assert said in fault_of_png(SIGNATURE + content)
    path.write_bytes(SIGNATURE + content)
    with pytest.raises(DrivetrError, match=r"a\.png: "):
        decode_image_file(path)
