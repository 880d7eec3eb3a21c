"""Size and pixel format of a JPEG or PNG file, read without decoding it."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from drivetr.errors import DrivetrError

MAX_PIXELS = 100_000_000

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
# Start-of-frame markers of ITU T.81 table B.1; C4, C8 and CC in between mean something else.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE = frozenset(range(0xD0, 0xD9)) | {0x01}


@dataclass(frozen=True)
class ImageHeader:
    """What the first bytes of an image file promise.

    Attributes:
        width: pixels, before any EXIF rotation (which nuScenes ignores).
        height: pixels.
        channels: 1 grey, 2 grey with alpha, 3 colour (also palettes), 4 CMYK or RGB with alpha.
        bits: of a channel once decoded, 8 or more.
    """

    width: int
    height: int
    channels: int
    bits: int


def read_image_header(path: Path, max_pixels: int = MAX_PIXELS) -> ImageHeader:
    """Reads width, height, channels and bits of a JPEG or PNG file.

    Only the header is read, so that a file that would decode to gigabytes costs nothing.

    Args:
        path: of the file.
        max_pixels: that it may have.

    Raises:
        DrivetrError: the file is missing, empty, neither JPEG nor PNG, cut inside its header, or
            promises no pixels or more than `max_pixels`.
    """
    try:
        with path.open("rb") as file:
            header = _read_header(file, path)
    except OSError as error:
        raise DrivetrError(f"{path}: cannot be read ({error.strerror})") from error
    pixels = header.width * header.height
    if not 0 < pixels <= max_pixels:
        raise DrivetrError(
            f"{path}: the header promises {header.width}x{header.height} pixels, expected between"
            f" 1 and {max_pixels:,}; the file is not decoded"
        )
    return header


def _read_header(file: BinaryIO, path: Path) -> ImageHeader:
    start = file.read(8)
    if not start:
        raise DrivetrError(f"{path}: is empty (0 bytes), expected an image; fetch the file again")
    try:
        if start == _PNG_SIGNATURE:
            return _read_png(file, path)
        if start[:3] == b"\xff\xd8\xff":
            file.seek(2)
            return _read_jpeg(file, path)
    except (struct.error, IndexError) as error:
        raise DrivetrError(f"{path}: is cut inside its header; fetch the file again") from error
    raise DrivetrError(f"{path}: is neither JPEG nor PNG (it begins with {start!r})")


def _read_png(file: BinaryIO, path: Path) -> ImageHeader:
    _, kind, width, height, bits, colour = struct.unpack(">I4sIIBB", file.read(18))
    if kind != b"IHDR" or colour not in _PNG_CHANNELS:
        raise DrivetrError(f"{path}: is a PNG file with a broken IHDR chunk")
    return ImageHeader(width, height, _PNG_CHANNELS[colour], max(bits, 8))


def _read_jpeg(file: BinaryIO, path: Path) -> ImageHeader:
    while True:
        if file.read(1)[0] != 0xFF:
            raise DrivetrError(f"{path}: is a JPEG file with a broken marker before its size")
        marker = 0xFF
        while marker == 0xFF:  # any number of fill bytes may stand before a marker
            marker = file.read(1)[0]
        if marker in _JPEG_BARE:
            continue
        (length,) = struct.unpack(">H", file.read(2))
        if marker in _JPEG_FRAMES:
            bits, height, width, channels = struct.unpack(">BHHB", file.read(6))
            return ImageHeader(width, height, channels, bits)
        if marker in (0xD9, 0xDA) or length < 2:
            raise DrivetrError(f"{path}: is a JPEG file without a frame header")
        file.seek(length - 2, 1)
