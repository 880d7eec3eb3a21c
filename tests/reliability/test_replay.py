"""Rows 69 to 72: hostile names, hostile requests and gaps in a replay."""

import json
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

import pytest

from benchmarks.launch import Job
from tests.cli.raw_http import raw, request
from tests.cli.replay_world import frames_of_page
from tests.reliability.apart import serve
from tests.reliability.command import accepted, true_results, within_reach
from tests.reliability.world import VERSION, World

MARKUP = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31m 道路 '\"&{{}}"


class Elements(HTMLParser):
    """Counts the elements of a page that could do something."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.images: list[str | None] = []
        self.scripts = 0
        self.handlers: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.images += [value for name, value in attrs if tag == "img" and name == "src"]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


@pytest.mark.parametrize("command", ["replay", "analyze"])
def test_row_69_markup_in_names(world: World, tmp_path: Path, command: str):
    """A page with hostile names has the elements of one with harmless names, and shows both."""
    found = {}
    for name in ("harmless", MARKUP):
        for row in world.tables["scene"]:
            row["description"] = name
        world.tables["scene"][0]["name"] = name
        folder = tmp_path / ("harmless" if name == "harmless" else "hostile")
        folder.mkdir()
        own = World(folder / "data")
        own.tables = world.tables
        # The name of a submission is shown too; a slash cannot be in it.
        results = true_results(within_reach(own), folder / f"{name.replace('/', '')}.json")
        page = folder / "page.html"
        named = ["--version", VERSION, "--split", "all", "--html", page]
        accepted(*{
            "replay": ["replay", own.root, "--results", results, "--scene", name, *named],
            "analyze": ["analyze", results, "--dataroot", own.root, *named],
        }[command])  # fmt: skip
        found[name] = Elements(page)
        if command == "replay":
            assert {frame["scene"] for frame in frames_of_page(page)} == {name}
    harmless, hostile = found.values()
    assert hostile.scripts == harmless.scripts
    assert len(hostile.images) == len(harmless.images)
    assert "x" not in hostile.images
    assert hostile.handlers == harmless.handlers


@contextmanager
def served(world: World, scratch: Path) -> Iterator[int]:
    """The port of `drivetr replay --serve 0`, whose files are in a folder below `scratch`."""
    world.write()
    command = ["replay", str(world.root), "--version", VERSION, "--to", "0.1", "--serve", "0"]
    log = world.root.with_name("served.log")
    job = Job(serve, [command, scratch], log=log)
    try:
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)/", text_of(log))):
            assert job.is_alive(), text_of(log)
            time.sleep(0.01)
        yield int(found[1])
        job.send(signal.SIGINT)
        assert job.wait() == [0]
    finally:
        if job.is_alive():
            job.send(signal.SIGKILL)
    assert not list(scratch.glob("drivetr-*")), "the folder goes with the server"


def text_of(log: Path) -> str:
    """What a process has said so far."""
    return log.read_text(encoding="utf-8") if log.exists() else ""


def listening(port: int) -> list[str]:
    """Local addresses, as the kernel has them, on which somebody listens at a port."""
    tables = "".join(Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6"))
    rows = [line.split() for line in tables.splitlines()]
    return [row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")]


def test_row_70_requests_for_what_is_outside(world: World, tmp_path: Path):
    secret = b"nobody may read this"
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "secret").write_bytes(secret)
    with served(world, scratch) as port:
        (folder,) = scratch.glob("drivetr-*")
        (folder / "link").symlink_to(scratch / "secret")
        for target in (
            "/../secret", "/../../../../../../../../etc/passwd", "/%2e%2e/secret", "/..%2fsecret",
            "/%2e%2e%2fsecret", "//etc/passwd", "/%2fetc/passwd", "/link", "/index.html%00",
            b"/\0", "/..%5csecret", "file:///etc/passwd", "/absent", "/" + "a" * 5000,
        ):  # fmt: skip
            status, _, body = request(port, target)
            assert 400 <= status < 500, target
            assert secret not in body
            assert b"root:" not in body
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1:1", ""):
            status, _, body = request(port, "/", host=host)
            assert (status, b"<html" in body) == (403, False)
        # It may hang up before it has read all, so that its answer gets lost on the way.
        header = b"X: " + b"a" * 1_000_000 + b"\r\n"
        assert request(port, "/", extra=header)[0] in (None, 431)
        assert raw(port, b"GET / HTTP/1.1\r\n" + header * 3 + b"\r\n")[0] in (None, 400, 431)
        for method in ("POST", "PUT", "DELETE"):
            assert request(port, "/index.html", method)[0] == 405
        status, headers, body = request(port, "/")
        assert status == 200, "it goes on"
        assert b"drivetr" in body
        assert "default-src 'none'" in headers["content-security-policy"]


def test_row_71_server_on_loopback_only(world: World, tmp_path: Path):
    with served(world, tmp_path) as port:
        assert listening(port) == [f"0100007F:{port:04X}"]


def test_row_72_missing_frames_and_no_predictions(world: World, tmp_path: Path):
    results = true_results(within_reach(world), tmp_path / "truth.json")
    named = ["replay", world.root, "--version", VERSION, "--split", "all", "--scene", "all"]
    accepted(*named, "--html", tmp_path / "whole.html")
    whole = frames_of_page(tmp_path / "whole.html")

    content = json.loads(results.read_text())
    first, second, *_ = [frame["token"] for frame in whole]
    content["results"][first] = []
    del content["results"][second]
    results.write_text(json.dumps(content))
    absent, cut = world.images("CAM_FRONT")[0], world.images("CAM_BACK")[0]
    absent.unlink()
    cut.write_bytes(cut.read_bytes()[:200])
    page, film, pictures = (tmp_path / name for name in ("page.html", "film.mp4", "pictures"))
    said = accepted(
        *named, "--results", results, "--html", page, "--mp4", film, "--png", pictures,
        "--width", "320",
    )  # fmt: skip
    assert "2 images could not be read, first " in said

    frames = frames_of_page(page)
    for key in ("token", "scene", "time_s"):
        assert [frame[key] for frame in frames] == [frame[key] for frame in whole]
    assert len(list(pictures.iterdir())) == len(whole) == 6
    assert film.stat().st_size > 0
    assert all(len(frame["images"]) == 6 for frame in frames)
    assert "no result for this frame in truth" in frames[1]["notes"]
    found = [len(frame["predictions"]["truth"]["boxes"]) for frame in frames]
    assert found[:2] == [0, 0]
    assert any(found)
    told = "; ".join(note for frame in frames for note in frame["notes"])
    assert "no picture of CAM_FRONT, CAM_BACK" in told
