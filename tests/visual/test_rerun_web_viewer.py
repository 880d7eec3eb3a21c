"""Rerun's viewer out of the wheel, in a real browser, by our own server."""

import io
import os
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from drivetr.cli.replay_server import open_server
from drivetr.errors import DrivetrError
from drivetr.visual import rerun_web_viewer
from drivetr.visual.palette import CLASS_COLOURS
from drivetr.visual.recording import empty_boxes
from drivetr.visual.rerun_web_viewer import VIEWER_PAGE, write_web_viewer
from tests.browser import find_browser
from tests.visual.recordings import drive

pytest.importorskip("rerun", reason="needs the extra viz")
# Rerun wants what SwiftShader, Chromium's own drawing without a GPU, has not; Mesa's llvmpipe has.
FLAGS = ["--use-gl=angle", "--use-angle=gl-egl", "--ignore-gpu-blocklist"]
NEEDED_TARGETS = 8
PATIENCE_S = 60


def test_the_module_is_whole(tmp_path):
    """Its sections end where the file ends, and the script goes with it."""
    write_web_viewer(tmp_path, "recording.rrd", 'a "title" <b>', 3)
    wasm = (tmp_path / "re_viewer_bg.wasm").read_bytes()
    assert wasm[:8] == b"\0asm\1\0\0\0"
    assert wasm.rfind(b"target_features") > len(wasm) - 200  # the last section that compilers write
    script = (tmp_path / "re_viewer.js").read_text()
    assert script.startswith("let wasm_bindgen;")
    assert script.rstrip().endswith("})();")
    page = (tmp_path / VIEWER_PAGE).read_text()
    assert "a &quot;title&quot; &lt;b&gt;" in page
    assert 'data-recording="recording.rrd" data-frames="3"' in page


def test_a_library_without_the_viewer_is_told(tmp_path, monkeypatch):
    (tmp_path / "library.so").write_bytes(b"nothing" * 99)
    monkeypatch.setattr(rerun_web_viewer, "_library", lambda: tmp_path / "library.so")
    with pytest.raises(DrivetrError, match=r"does not hold its web viewer where 0\.23\.1 has it"):
        write_web_viewer(tmp_path / "site", "recording.rrd", "title", 1)
    assert not list((tmp_path / "site").glob("*"))


@pytest.fixture
def site(tmp_path):
    """Objects in two frames, and nothing at all in the third."""
    from drivetr.visual.rerun_file import write_rrd

    plain = drive(3, objects=12, sources=(), size=(36, 64), points=False)
    frames = list(plain.frames)
    blank = tuple(replace(image, jpeg=None) for image in frames[2].images)
    frames[2] = replace(frames[2], truth=empty_boxes(), images=blank)
    write_rrd(replace(plain, frames=tuple(frames)), tmp_path / "recording.rrd")
    write_web_viewer(tmp_path, "recording.rrd", "drive", len(frames))
    with open_server(tmp_path, 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def chromium(browser):
    """A browser that draws WebGL without a GPU, with as many targets as Rerun wants."""
    program = find_browser()
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS
    drawing = browser.browser_type.launch(executable_path=program, headless=True, args=flags)
    page = drawing.new_page()
    targets = page.evaluate(
        "(gl => gl && gl.getParameter(gl.MAX_COLOR_ATTACHMENTS))"
        "(document.createElement('canvas').getContext('webgl2'))"
    )
    if not targets or targets < NEEDED_TARGETS:
        drawing.close()
        pytest.skip(f"WebGL has {targets} colour targets here and Rerun wants {NEEDED_TARGETS}")
    yield drawing
    drawing.close()


@pytest.mark.slow
def test_frames_differ_and_show_the_boxes(chromium, site):
    """Lines in the colours of classes are on the screen where a frame has boxes, and only there."""
    page = chromium.new_page(viewport={"width": 1000, "height": 640})
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(f"{site}{VIEWER_PAGE}#frame=0")
    first = wait_for(page, 0, lambda count: count > 300)
    second = wait_for(page, 1, lambda count: count > 300)
    third = wait_for(page, 2, lambda count: count < 20)
    assert (first != second).any(axis=2).sum() > 500
    assert (second != third).any(axis=2).sum() > 500
    assert {url[: len(site)] for url in requests} == {site}  # nobody else is asked


def wait_for(page, frame, enough):
    """The picture of a frame, once it is drawn with so many pixels in the colours of classes."""
    page.evaluate(f"location.hash = '#frame={frame}'")
    page.wait_for_selector(
        f"body[data-shown='{frame}']", state="attached", timeout=PATIENCE_S * 1e3
    )
    deadline = time.monotonic() + PATIENCE_S
    while True:
        time.sleep(1.0)  # software draws a picture or two a second
        shot = page.screenshot(timeout=PATIENCE_S * 1e3)
        picture = np.array(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)
        count = sum(
            int((np.abs(picture - CLASS_COLOURS[name]).max(axis=2) < 12).sum())
            for name in ("car", "truck", "pedestrian")
        )
        if enough(count):
            return picture
        assert time.monotonic() < deadline, f"frame {frame}: {count} pixels of boxes"
