"""Checks chunks and checksums of a PNG file, which decoders are lenient with.

Source: PNG specification (ISO/IEC 15948), clause 5.
"""

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_STEP = 2**20  # bytes that are unpacked at a time


def fault_of_png(data: bytes) -> str | None:
    """What is wrong with a file that begins with `SIGNATURE`, None where nothing is.

    A file that is cut behind its last pixel is right: the decoder takes it, and nothing is lost.
    """
    place = len(SIGNATURE)
    kinds: list[bytes] = []
    pixels = zlib.decompressobj()
    while not kinds or kinds[-1] != b"IEND":
        length = int.from_bytes(data[place : place + 4], "big")
        kind, end = data[place + 4 : place + 8], place + 8 + length
        if end + 4 > len(data):
            if pixels.eof:
                break
            return "is cut"
        if zlib.crc32(data[place + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            return f"has a {kind.decode('latin-1')!r} chunk with a wrong checksum"
        if kind == b"IDAT" and not _unpacks(pixels, data[place + 8 : end]):
            return "has pixels that do not unpack"
        kinds.append(kind)
        place = end + 4
    whole = kinds[0] == b"IHDR" and kinds.count(b"IHDR") == 1 and pixels.eof
    if not whole or (data[25] == 3 and b"PLTE" not in kinds):
        return "lacks pixels, a palette or its header"
    return None


def _unpacks(stream: "zlib._Decompress", packed: bytes) -> bool:
    """Whether the next part of a stream is right; what it unpacks to is let go at once."""
    try:
        while packed and not stream.eof:
            stream.decompress(packed, _STEP)
            packed = stream.unconsumed_tail
    except zlib.error:
        return False
    return True
