"""Mutations of files: of their bytes, of the values in their JSON, of zip archives and of words."""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

Mutation = Callable[[bytes, Random], bytes]

_DEEP = 100_000  # brackets, more than any parser's stack
# Texts that stand for themselves in JSON, which Python's `json` would not write.
_RAW = (
    "1e999",
    "-1e999",
    "9" * 5000,
    "NaN",
    "[" * _DEEP,
    '{"a":' * _DEEP,
    "[" * 450 + "]" * 450,
    '{"a":' * 300 + "1" + "}" * 300,
    "tru",
    '"\\ud800"',
    "",
)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 7, 255, 65536, 2**31, 2**53, 2**63, -(2**63) - 1, 10**30),
    *(0.0, -0.0, 0.5, 1e-320, 1e18, 1e308, -1e308, float("inf"), float("nan")),
    *("", "0", "a", "x" * 5000, "\0", "../../etc/passwd", "/etc/passwd", "\ud800", "日本" * 9),
    *("<script>alert(1)</script>", "\x1b[2J\x1b]0;owned\x07", "\u202eabc", "a\nb", "'; DROP"),
    *([], {}, [[]], [0], [1.0, 2.0, 3.0], [None], {"type": "Path"}, {"": 0}, [[0] * 3] * 3),
)
_NUMBERS = (b"\0" * 4, b"\xff" * 4, b"\xff\xff\xff\x7f", b"\0" * 8, b"\xff" * 8, b"\0\0\0\x80")


def mutated_bytes(content: bytes, rng: Random) -> bytes:
    """One change of bytes: a bit, a number, a piece cut out, put in, repeated or overwritten."""
    place, length = rng.randrange(len(content) + 1), rng.choice((1, 2, 4, 8, 33, 512))
    head, piece, tail = content[:place], content[place : place + length], content[place + length :]
    match rng.randrange(7):
        case 0:
            return head
        case 1:
            return head + tail
        case 2:
            return head + piece * rng.choice((2, 3, 20)) + tail
        case 3:
            return head + rng.randbytes(length) + tail
        case 4:
            number = rng.choice(_NUMBERS)
            return head + number + content[place + len(number) :]
        case 5 if content:
            place = min(place, len(content) - 1)
            flipped = bytes([content[place] ^ 1 << rng.randrange(8)])
            return content[:place] + flipped + content[place + 1 :]
        case _:
            return head + rng.randbytes(length) + piece + tail


def mutated_start(content: bytes, rng: Random) -> bytes:
    """The same within the first 400 bytes, where formats keep what they promise."""
    return mutated_bytes(content[:400], rng) + content[400:]


def mutated_json(content: bytes, rng: Random) -> bytes:
    """Changes up to four values of a JSON text, or sometimes its bytes."""
    if rng.random() < 0.1:
        return mutated_bytes(content, rng)
    value = json.loads(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        value = _with_change(value, rng)
    text = json.dumps(value)
    if rng.random() < 0.1:
        mark = f'"{"mark" * 4}"'
        text = json.dumps(_with_change(value, rng, mark.strip('"'))).replace(mark, rng.choice(_RAW))
    return text.encode()


def _with_change(value: Any, rng: Random, new: Any = None) -> Any:
    """The value with one of its parts replaced, taken away, repeated or renamed."""
    found = list(places(value))
    if not found:
        return rng.choice(_VALUES) if new is None else new
    parent, key = rng.choice(found)
    if new is not None:
        parent[key] = new
        return value
    match rng.randrange(8):
        case 0:
            del parent[key]
        case 1 if isinstance(parent, dict):
            parent[rng.choice(("token", "type", "x", "", "\x1b[2J"))] = parent.pop(key)
        case 1:
            parent.append(parent[key])
        case 2:
            other, place = rng.choice(found)
            parent[key] = json.loads(json.dumps(other[place]))
        case 3 if isinstance(parent[key], int | float):
            parent[key] = rng.choice((parent[key] + 1, -parent[key], parent[key] * 10**6, 1e300))
        case _:
            parent[key] = json.loads(json.dumps(rng.choice(_VALUES)))
    return value


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a JSON value with each of its keys."""
    keys = value if isinstance(value, dict) else range(len(value) if isinstance(value, list) else 0)
    for key in keys:
        yield value, key
        yield from places(value[key])


def zip_mutation(command: str) -> Mutation:
    """Mutations of zip archives: of their bytes, their members, or with a pickle that runs.

    Args:
        command: for the shell, in a pickle that is put before what the archive holds.
    """

    def mutate(content: bytes, rng: Random) -> bytes:
        if rng.random() < 0.4:
            return mutated_bytes(content, rng)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {info.filename: archive.read(info) for info in archive.infolist()}
        name = rng.choice([*members, *(key for key in members if key.endswith(".pkl"))])
        match rng.randrange(5):
            case 0:
                members[name] = f"cos\nsystem\n(S'{command}'\ntR0".encode() + members[name]
            case 1:
                del members[name]
            case 2:
                members[rng.choice(("../../up", "/etc/up", "a" * 300, "\x1b[2J"))] = b"up"
            case _:
                members[name] = mutated_bytes(members[name], rng)
        kind = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
        with zipfile.ZipFile(out := io.BytesIO(), "w", kind) as archive:
            for key, value in members.items():
                archive.writestr(key, value)
        return out.getvalue()

    return mutate


def mutated_png(content: bytes, rng: Random) -> bytes:
    """Changes a PNG file's chunks or pixels, and makes the checksums right again."""
    chunks, place = [], 8
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        chunks.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + length]))
        place += 12 + length
    number = rng.randrange(len(chunks))
    kind, data = chunks[number]
    match rng.randrange(5):
        case 0:
            chunks.insert(number, rng.choice(chunks))
        case 1:
            kind = rng.choice((b"PLTE", b"tRNS", b"IHDR", b"gAMA", b"sBIT", b"iCCP", b"zzzz"))
            chunks.insert(number, (kind, rng.randbytes(rng.choice((0, 1, 3, 6, 13, 768)))))
        case 2 if kind == b"IDAT":
            pixels = mutated_bytes(zlib.decompress(data), rng)
            chunks[number] = (kind, zlib.compress(pixels))
        case _:
            chunks[number] = (kind, mutated_bytes(data, rng))
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return content[:8] + b"".join(parts)


def options_mutation(keys: list[str], marker: str) -> Mutation:
    """Words for --cfg-options, one a line: keys of a config, values of every kind, code among them.

    Args:
        keys: dotted names that the config has.
        marker: path of a file that the code would write.
    """
    codes = (
        f"__import__('os').system('touch {marker}')",
        f"[c for c in [open({marker!r}, 'w')]]",
        "{{$HOME:}}",
        "@base",
        "(" * 300,
        "-" * 5000 + "1",
        "9" * 5000,
    )

    def mutate(content: bytes, rng: Random) -> bytes:
        words = []
        for _ in range(rng.choice((1, 1, 2, 3))):
            key = rng.choice(keys)
            if rng.random() < 0.2:
                key += rng.choice((".type", ".0", ".x", ".", ".init", ".__class__", ".-1"))
            value = rng.choice((*codes, *map(repr, _VALUES), *map(str, _VALUES)))
            words.append(f"{key}={value}".replace("\n", " "))
        return "\n".join(words).encode("utf-8", "surrogatepass")

    return mutate
