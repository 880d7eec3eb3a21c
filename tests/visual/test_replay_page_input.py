"""The replay page with unusual recordings: names that are markup, gaps, crowds, real keyframes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from drivetr.errors import DrivetrError
from drivetr.visual.recording import Recording, empty_boxes
from drivetr.visual.replay_page import write_html
from tests.browser import Visitor
from tests.visual.devkit_pixels import devkit_corners
from tests.visual.recordings import drive, real_keyframes, with_story
from tests.visual.replay_window import decoded, expected_rows, rows_above, settle, state

pytestmark = pytest.mark.slow  # a browser starts

MARKUP = "</script><script>window.bad=1</script><img src=x onerror=\"window.bad='1'\"><!--"


def test_markup_in_names_stays_text(visitor: Visitor, tmp_path: Path) -> None:
    write_html(hostile(drive(2)), tmp_path / "page.html")
    page = visitor.visit(tmp_path / "page.html", "#by=source")
    settle(page)
    page.locator("#cameras canvas").first.click()
    page.evaluate("window.drivetr.settled()")
    assert page.evaluate("window.bad ?? null") is None
    assert page.locator("img").count() == 0
    assert page.locator("script:not([type^='application/']):not([type^='text/'])").count() == 1
    told = page.locator("body").inner_text()
    for what in ("title", "scene", "description", "note", "source", "token"):
        assert f"{what} 道路 $data ${{style}} '\" {MARKUP}" in told
    assert page.title() == f"title 道路 $data ${{style}} '\" {MARKUP}"
    assert visitor.complaints == []


def test_a_name_does_not_turn_the_text_beside_it(visitor: Visitor, tmp_path: Path) -> None:
    """A right-to-left override in a scene's name would make 5.0 s of 0.5 s."""
    first, second = drive(2, scene="street \u202e"), drive(1, scene="street")
    write_html(replace(first, frames=first.frames + second.frames), tmp_path / "page.html")
    page = visitor.visit(tmp_path / "page.html")
    settle(page)
    for text in ("0.0 s", "0.5 s"):
        entry = page.locator("#frames .when", has_text=text).first
        left = entry.evaluate(
            """(entry) => [...entry.lastChild.data.trim()].map((_, i) => {
                const range = document.createRange();
                range.setStart(entry.lastChild, i + 1);
                range.setEnd(entry.lastChild, i + 2);
                return range.getBoundingClientRect().left;
            })"""
        )
        assert len(left) == len(text)
        assert left == sorted(left)
    assert visitor.complaints == []


class TestWhy:
    def test_a_story_lies_over_the_pictures(self, visitor: Visitor, tmp_path: Path) -> None:
        recording = with_story(drive(2), 0, row=3)
        write_html(recording, tmp_path / "page.html")
        page = visitor.visit(tmp_path / "page.html")
        settle(page)
        front = page.locator("#cameras canvas").nth(1)
        before = decoded(front.screenshot()).astype(int)
        page.locator("#told").select_option("0")
        page.wait_for_timeout(200)
        settle(page)
        change = decoded(front.screenshot()).astype(int) - before
        redder = change[..., 0] - change[..., 2]
        # The map's bright cells cover a sixth of the picture.
        assert 0.08 < (redder > 60).mean() < 0.5
        assert state(page)["selected"] == {"source": "petr", "row": 3}
        shares = recording.frames[0].stories[0].camera_shares
        ring = [2, 0, 1, 4, 3, 5]
        expected = [f"{round(100 * share)} %" for share in shares.mean(dim=0)[ring].tolist()]
        assert page.locator("#shares .number").all_inner_texts() == expected
        page.locator("#layer").select_option("1")
        settle(page)
        expected = [f"{round(100 * share)} %" for share in shares[1, ring].tolist()]
        assert page.locator("#shares .number").all_inner_texts() == expected
        assert visitor.complaints == []

    def test_a_found_object_has_the_story_of_what_takes_it(
        self, visitor: Visitor, tmp_path: Path
    ) -> None:
        """Whoever clicks on a box may hit the outline of the object instead."""
        plain = drive(2)
        frame = plain.frames[0]
        here, there = frame.truth.boxes[:, :2], frame.predictions["petr"].boxes[:, :2]
        apart = torch.cdist(here, here).fill_diagonal_(100.0).amin(dim=1)
        taken = frame.partners["petr"]
        sure = (taken >= 0) & (frame.predictions["petr"].scores[taken] >= 0.3)
        near = sure & (here.norm(dim=1) < 50) & ((here - there[taken]).norm(dim=1) > 0.3)
        thing = int((apart * near).argmax())
        write_html(with_story(plain, 0, row=int(taken[thing])), tmp_path / "page.html")
        page = visitor.visit(tmp_path / "page.html")
        settle(page)
        page.keyboard.press("p")  # only objects are there to be clicked on
        settle(page)
        above = page.locator("#bevs canvas").first
        box = above.bounding_box()
        scale = min(box["width"], box["height"]) / (2 * state(page)["range"])
        ahead, left = here[thing].tolist()
        place = {"x": box["width"] / 2 - left * scale, "y": box["height"] / 2 - ahead * scale}
        above.click(position=place)
        assert state(page)["selected"] == {"source": None, "row": thing}
        assert page.locator("#told").input_value() == "0"
        assert page.locator("#attention").is_visible()
        page.locator("#threshold").fill("1")  # the prediction is not shown any more
        settle(page)
        assert page.locator("#told").input_value() == ""
        assert not page.locator("#attention").is_visible()
        assert visitor.complaints == []


class TestGaps:
    @pytest.mark.parametrize(
        "name",
        [
            "no truth",
            "no sources",
            "nothing found",
            "no pictures",
            "crowd",
            "one camera",
        ],
    )
    def test_still_opens_and_steps(self, visitor: Visitor, tmp_path: Path, name: str) -> None:
        recording = gap(name)
        write_html(recording, tmp_path / "page.html")
        page = visitor.visit(tmp_path / "page.html", "#by=outcome")
        for number in range(len(recording.frames)):
            assert state(page)["frame"] == number
            for source in recording.sources:
                expected = expected_rows(recording.frames[number], source, 0.3)
                assert rows_above(page, 0, source) == expected
            page.keyboard.press("ArrowRight")
        assert page.locator("#frames li").count() == len(recording.frames)
        assert visitor.complaints == []

    def test_no_frames_and_no_place_are_told(self, tmp_path: Path) -> None:
        with pytest.raises(DrivetrError, match="no frames"):
            write_html(Recording("empty", (), ()), tmp_path / "page.html")
        (tmp_path / "file").write_text("")
        with pytest.raises(DrivetrError, match="cannot be written"):
            write_html(drive(1), tmp_path / "file" / "page.html")
        assert not (tmp_path / "page.html").exists()


class TestRealKeyframes:
    """nuscenes-devkit is the oracle: tilted lidar, moving car, real calibration."""

    def test_corners_are_the_devkit_s(
        self, visitor: Visitor, nuscenes_real: Path, tmp_path: Path
    ) -> None:
        from nuscenes.nuscenes import NuScenes

        recording = real_keyframes(nuscenes_real, "v1.0-mini", tmp_path)
        write_html(recording, tmp_path / "page.html")
        page = visitor.visit(tmp_path / "page.html")
        devkit = NuScenes("v1.0-mini", str(nuscenes_real), verbose=False)
        compared, drawn, worst = 0, 0, 0.0
        for number, frame in enumerate(recording.frames):
            settle(page)
            for camera, channel in enumerate(recording.channels):
                expected = devkit_corners(devkit, frame.token, channel)
                for box in page.evaluate(f"window.drivetr.projected({number}, {camera})"):
                    corners = np.array(box["corners"])
                    # In front of the camera and not more than a picture's width beside it.
                    if corners[:, 2].min() < 0.5 or np.abs(corners[:, :2]).max() > 3200:
                        continue
                    away = np.abs(expected - corners[:, :2]).max(axis=(1, 2)).min()
                    worst = max(worst, away)
                    compared += 1
                drawn += self._compare_drawn(page, camera, expected)
            page.keyboard.press("ArrowRight")
        assert compared > 200
        assert drawn > 100
        assert worst < 0.1
        assert visitor.complaints == []

    @staticmethod
    def _compare_drawn(page: Any, camera: int, expected: np.ndarray) -> int:
        """Ends of the lines that are on the canvas, for boxes that are wholly in the picture."""
        compared = 0
        for box in page.evaluate(f"window.drivetr.drawnIn({camera})"):
            segments = np.array(box["segments"])
            if len(segments) < 12:
                continue
            width = page.evaluate("document.querySelector('#cameras canvas').clientWidth")
            ends = segments.reshape(-1, 2) * 1600 / width
            if (ends < 0).any() or (ends > [1600, 900]).any():
                continue
            away = np.abs(ends[None, :, None] - expected[:, None]).max(axis=3).min(axis=2)
            assert away.max(axis=1).min() < 0.5
            compared += 1
        return compared


def hostile(recording: Recording) -> Recording:
    """Names that would be markup, script or a template's word if they were not text."""

    def name(what: str) -> str:
        return f"{what} 道路 $data ${{style}} '\" {MARKUP}"

    frames = tuple(
        replace(
            frame,
            token=name("token"),
            scene=name("scene"),
            notes=(name("note"),),
            predictions={name("source"): frame.predictions["petr"]},
            partners={name("source"): frame.partners["petr"]},
            truth=replace(frame.truth, tracks=(name("track"),) * len(frame.truth)),
        )
        for frame in recording.frames
    )
    return replace(
        recording,
        title=name("title"),
        frames=frames,
        sources=(name("source"),),
        descriptions={name("scene"): name("description")},
        channels=tuple(MARKUP for _ in recording.channels),
        classes=tuple(f"{c} {MARKUP}" for c in recording.classes),
    )


def gap(name: str) -> Recording:
    recording = drive(1, objects=1000) if name == "crowd" else drive(2, objects=12)
    change: dict[str, Any] = {}
    frames = recording.frames
    if name == "no truth":
        frames = tuple(replace(f, truth=None, partners={}) for f in frames)
    if name == "no sources":
        frames = tuple(replace(f, predictions={}, partners={}) for f in frames)
        change["sources"] = ()
    if name == "nothing found":
        none = torch.full((12,), -1)
        frames = tuple(
            replace(f, predictions={"petr": empty_boxes()}, partners={"petr": none}) for f in frames
        )
    if name == "no pictures":
        frames = tuple(
            replace(
                f,
                images=tuple(replace(i, jpeg=b"no jpeg" if n else None) for i in f.images),
            )
            for n, f in enumerate(frames)
        )
    if name == "one camera":
        frames = tuple(replace(f, images=f.images[:1]) for f in frames)
        change["channels"] = recording.channels[:1]
    return replace(recording, frames=frames, **change)
