"""The replay page: seconds to build it, its size, and milliseconds from a key to the next frame.

A recording of real keyframes, shown again and again with 300 made-up predictions in each frame, is
shrunk, encoded and written on one thread; then Chromium steps through it. A step is measured in the
page, from the key until the browser has painted the canvases; it includes waiting for the browser's
next picture, up to 17 ms. On a busy machine look at the processor's time of the page's main thread
instead, which holds the work on the neighbours' pictures too. Run from the repository's root with

    python -m benchmarks.replay_page DATAROOT --version v1.0-mini
"""

import argparse
import io
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from drivetr.geometry.boxes import make_boxes
from drivetr.visual.jpeg import encode_jpeg, shrink
from drivetr.visual.recording import BoxSet, RecordedFrame, RecordedImage, Recording
from drivetr.visual.replay_page import write_html
from tests.browser import running_browser
from tests.visual.recordings import real_keyframes

_STEP = """async (key) => {
    const start = performance.now();
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    await window.drivetr.settled();
    await new Promise((painted) => {  // a task of its own comes after the painting
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = painted;
        port2.postMessage(null);
    });
    return performance.now() - start;
}"""


def crowd(count: int, seed: int) -> BoxSet:
    """Made-up predictions around the car, all of them sure."""
    random = np.random.default_rng(seed)
    places = np.stack([*random.uniform(-50, 50, (2, count)), random.normal(-1, 0.3, count)], axis=1)
    boxes = make_boxes(
        torch.from_numpy(places),
        torch.tensor([4.6, 1.9, 1.7]).double().expand(count, 3),
        torch.from_numpy(random.uniform(-3, 3, count)),
        torch.from_numpy(random.normal(0, 3, (count, 2))),
    )
    none = torch.full((count,), -1)
    everywhere = torch.ones(count, dtype=torch.bool)
    labels = torch.from_numpy(random.integers(0, 10, count))
    return BoxSet(boxes.float(), labels, torch.full((count,), 0.9), none, everywhere)


def recording_of(dataroot: Path, version: str, frames: int, boxes: int, width: int) -> Recording:
    """Frames in turn from the real keyframes: read, shrunk and encoded anew each time."""
    with tempfile.TemporaryDirectory() as folder:
        base = real_keyframes(dataroot, version, Path(folder))
    shown = [
        _frame(base.frames[number % len(base.frames)], number, boxes, width)
        for number in range(frames)
    ]
    return replace(base, frames=tuple(shown), sources=("crowd",))


def _frame(frame: RecordedFrame, number: int, boxes: int, width: int) -> RecordedFrame:
    return replace(
        frame,
        token=f"frame-{number}",
        scene="benchmark",
        time_s=0.5 * number,
        images=tuple(_image(image, width) for image in frame.images),
        predictions={"crowd": crowd(boxes, number)},
        partners={"crowd": torch.full((len(frame.truth or ()),), -1)},
        points=torch.randn(30_000, 3) * torch.tensor([20.0, 20.0, 1.0]),
    )


def _image(image: RecordedImage, width: int) -> RecordedImage:
    picture = shrink(np.array(Image.open(io.BytesIO(image.jpeg or b""))), width)
    scale = torch.tensor([width / image.size[1], width / image.size[1], 1.0, 1.0]).double()
    size = (picture.shape[0], picture.shape[1])
    return replace(
        image,
        jpeg=encode_jpeg(picture),
        size=size,
        img_from_lidar=scale[:, None] * image.img_from_lidar,
    )


def busy_seconds(tools: Any) -> float:
    """Processor time that the page's main thread has spent on tasks."""
    metrics = {m["name"]: m["value"] for m in tools.send("Performance.getMetrics")["metrics"]}
    return float(metrics["TaskDuration"])


def steps(path: Path, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each step but the first: those that passed, and those on the processor."""
    with running_browser() as browser:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        page.goto(path.as_uri())
        page.evaluate("window.drivetr.settled()")
        passed, busy = [], []
        tools = context.new_cdp_session(page)
        tools.send("Performance.enable", {"timeDomain": "threadTicks"})
        for _ in range(count):
            before = busy_seconds(tools)
            passed.append(page.evaluate(_STEP, "ArrowRight"))
            page.wait_for_timeout(100)  # a reader's pause, in which neighbours are decoded
            busy.append(1000 * (busy_seconds(tools) - before))
        drawn = page.evaluate("window.drivetr.drawnAbove(0).length")
        print(f"{drawn} boxes in the last frame", flush=True)
    return passed, busy


def told(milliseconds: list[float]) -> str:
    """How long steps took."""
    high = np.percentile(milliseconds, 95)
    return f"median {statistics.median(milliseconds):.0f} ms, 95th centile {high:.0f} ms"


def main() -> None:
    """Measures and compares with the limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataroot", type=Path)
    parser.add_argument("--version", default="v1.0-mini")
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--boxes", type=int, default=300)
    parser.add_argument("--image-width", type=int, default=800)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        cpu, wall = time.process_time(), time.perf_counter()
        recording = recording_of(
            args.dataroot, args.version, args.frames, args.boxes, args.image_width
        )
        made = time.process_time() - cpu
        write_html(recording, path)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        print(
            f"build: {cpu:.1f} s on the processor ({made:.1f} s for pictures), {wall:.1f} s in all"
        )
        print(f"size: {path.stat().st_size / 1e6:.1f} MB", flush=True)
        passed, busy = steps(path, args.frames - 1)
    print(f"step: {told(passed)}; main thread on the processor: {told(busy)}")


if __name__ == "__main__":
    main()
