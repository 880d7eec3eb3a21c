"""What tests ask of an open replay page."""

import io
import time
from typing import Any

import numpy as np
from PIL import Image

from drivetr.visual.recording import RecordedFrame


def settle(page: Any) -> None:
    page.evaluate("window.drivetr.settled()")


def state(page: Any) -> dict[str, Any]:
    settle(page)
    found: dict[str, Any] = page.evaluate("window.drivetr.state()")
    return found


def wait_for_state(page: Any, **wanted: Any) -> None:
    """Playwright's own waiting evaluates strings, which the page's policy forbids."""
    deadline = time.monotonic() + 10
    while (found := {name: state(page)[name] for name in wanted}) != wanted:
        assert time.monotonic() < deadline, f"{found}, not {wanted}"
        page.wait_for_timeout(20)


def rested_link(page: Any) -> str:
    """The link of the view, which is in the address once nothing changes any more."""
    wanted = f"thr={state(page)['threshold']:.2f}"
    deadline = time.monotonic() + 10
    while wanted not in (link := page.evaluate("location.hash")):
        assert time.monotonic() < deadline, f"{link} without {wanted}"
        page.wait_for_timeout(20)
    return str(link)


def slide(page: Any, threshold: float) -> None:
    page.locator("#threshold").fill(str(threshold))
    settle(page)


def rows_above(page: Any, panel: int, source: str | None) -> list[int]:
    drawn = page.evaluate(f"window.drivetr.drawnAbove({panel})")
    return sorted(box["row"] for box in drawn if box["source"] == source)


def expected_rows(frame: RecordedFrame, source: str, threshold: float) -> list[int]:
    shown = frame.predictions[source].scores >= threshold
    return shown.nonzero()[:, 0].tolist()


def decoded(picture: bytes | None) -> np.ndarray:
    assert picture is not None
    return np.array(Image.open(io.BytesIO(picture)).convert("RGB"))
