"""The replay page in a real browser: what it shows is what the recording says."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivetr.geometry.boxes import box_corners
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.visual.camera_view import look_at
from drivetr.visual.drawables import Drawable
from drivetr.visual.palette import OUTCOME_COLOURS, prediction_style
from drivetr.visual.recording import Recording, frame_errors
from drivetr.visual.replay_page import write_html
from tests.browser import Visitor
from tests.visual.recordings import drive, with_map
from tests.visual.replay_window import (
    decoded,
    expected_rows,
    rested_link,
    rows_above,
    settle,
    slide,
    state,
    wait_for_state,
)

ROAD = (42, 48, 58)  # of the dark page
pytestmark = pytest.mark.slow  # a browser starts


@pytest.fixture(scope="module")
def pair() -> Recording:
    """Two sources over six frames."""
    return drive(6, objects=40, sources=("petr", "streampetr"))


@pytest.fixture(scope="module")
def pair_page(pair: Recording, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "pair.html"
    write_html(pair, path)
    return path


@pytest.fixture
def shown(visitor: Visitor, pair_page: Path) -> Iterator[Any]:
    """The page of the pair; it may neither complain nor ask for anything."""
    page = visitor.visit(pair_page)
    settle(page)
    yield page
    assert visitor.complaints == []


class TestOpening:
    def test_from_disk_with_nothing_but_itself(
        self, visitor: Visitor, pair: Recording, pair_page: Path
    ) -> None:
        page = visitor.visit(pair_page)
        for frame in range(len(pair.frames)):
            assert state(page)["frame"] == frame
            page.keyboard.press("ArrowRight")
        assert visitor.complaints == []
        foreign = [url for url in visitor.requests if not url.startswith("data:")]
        assert foreign == [pair_page.as_uri()]
        assert page.title() == pair.title

    def test_pictures_are_the_recording_s(self, shown: Any, pair: Recording) -> None:
        """Above the horizon, where no box is: the colour of the sky."""
        shot = decoded(shown.locator("#cameras canvas").first.screenshot())
        image = decoded(pair.frames[0].images[2].jpeg)  # front left is first in the ring
        at = round(12 * image.shape[0] / shot.shape[0])
        assert np.abs(image[at, at].astype(float) - shot[12, 12]).max() < 12

    def test_cameras_stand_in_ring_order(self, shown: Any) -> None:
        names = shown.locator("#cameras figcaption").all_inner_texts()
        assert names[:3] == ["FRONT LEFT", "FRONT", "FRONT RIGHT"]
        assert names[3:] == ["BACK LEFT", "BACK", "BACK RIGHT"]

    def test_the_map_lies_under_the_boxes(self, visitor: Visitor, tmp_path: Path) -> None:
        """The street is 8 to 24 m ahead (east) and 10 to 30 m to the left of the first frame."""
        write_html(with_map(drive(2, objects=0, points=False)), tmp_path / "page.html")
        page = visitor.visit(tmp_path / "page.html")
        settle(page)
        on, off = [(16, 20), (9, 11), (23, 29)], [(7, 20), (25, 20), (16, 9), (16, 31)]
        with_it = self._colours_above(page, on + off)
        assert with_it[:3] == [ROAD] * 3
        assert ROAD not in with_it[3:]
        page.locator("#show-map").uncheck()
        settle(page)
        assert ROAD not in self._colours_above(page, on)
        assert visitor.complaints == []

    @staticmethod
    def _colours_above(page: Any, places: list[tuple[int, int]]) -> list[tuple[int, ...]]:
        """The colours at places in ego in the view from above, which reaches 50 m."""
        shot = decoded(page.locator("#bevs canvas").first.screenshot())
        high, wide = shot.shape[:2]
        scale = min(high, wide) / 100
        return [
            tuple(shot[round(high / 2 - x * scale), round(wide / 2 - y * scale)].tolist())
            for x, y in places
        ]

    def test_the_policy_stops_a_script_that_gets_in(
        self, visitor: Visitor, pair_page: Path
    ) -> None:
        page = visitor.visit(pair_page)
        settle(page)
        bad = page.evaluate(
            """() => {
                const script = document.createElement("script");
                script.textContent = "window.bad = 1";
                document.body.append(script);
                return window.bad ?? null;
            }"""
        )
        assert bad is None
        assert "Content Security Policy" in visitor.complaints[0]


class TestWhatIsDrawn:
    @pytest.mark.parametrize("threshold", [0.0, 0.3, 0.55, 1.0])
    def test_the_slider_leaves_what_the_data_says(
        self, shown: Any, pair: Recording, threshold: float
    ) -> None:
        slide(shown, threshold)
        frame = pair.frames[0]
        expected = expected_rows(frame, "petr", threshold)
        assert rows_above(shown, 0, "petr") == expected
        assert rows_above(shown, 0, None) == list(range(len(frame.truth)))
        plural = "1 box" if len(expected) == 1 else f"{len(expected)} boxes"
        assert plural in shown.locator(".bev figcaption").first.inner_text()

    def test_cameras_show_what_python_sees(self, shown: Any, pair: Recording) -> None:
        slide(shown, 0.4)
        frame = pair.frames[0]
        rows = expected_rows(frame, "petr", 0.4)
        boxes = frame.predictions["petr"].boxes.double()
        corners = box_corners(boxes).numpy()
        style = prediction_style(0, DETECTION_CLASSES)
        drawables = [
            Drawable(boxes[row].numpy(), corners[row], style, str(row), 1.0) for row in rows
        ]
        for camera, image in enumerate(frame.images):
            canvas = shown.locator("#cameras canvas").nth([2, 0, 1, 4, 3, 5].index(camera))
            width, height = canvas.evaluate("c => [c.clientWidth, c.clientHeight]")
            scale = np.diag([width / image.size[1]] * 2 + [1.0, 1.0])
            seen = look_at(drawables, scale @ image.img_from_lidar.numpy(), height, width)
            drawn = [
                box
                for box in shown.evaluate(f"window.drivetr.drawnIn({camera})")
                if box["source"] == "petr"
            ]
            assert sorted(box["row"] for box in drawn) == sorted(int(s.drawable.text) for s in seen)
            segments = {box["row"]: np.array(box["segments"]) for box in drawn}
            for box in seen:
                np.testing.assert_allclose(
                    segments[int(box.drawable.text)], box.segments, atol=0.05
                )

    def test_outcomes_are_frame_errors(self, shown: Any, pair: Recording) -> None:
        compared = 0
        for threshold in (0.0, 0.3, 0.42, 0.7):
            slide(shown, threshold)
            for number, frame in enumerate(pair.frames):
                for source in pair.sources:
                    found = shown.evaluate(f"window.drivetr.errors({number}, '{source}')")
                    expected = frame_errors(frame, source, threshold)
                    assert found["hits"] == expected.hits
                    assert found["misses"] == expected.misses
                    assert found["false"] == expected.false
                    if expected.hits:
                        assert found["centre"] == pytest.approx(expected.centre_m, abs=1e-3)
                    compared += expected.hits + expected.false
        assert compared > 1000

    def test_colours_by_outcome_count_the_errors(self, shown: Any, pair: Recording) -> None:
        slide(shown, 0.42)
        shown.keyboard.press("o")
        settle(shown)
        names = {colour: name for name, colour in OUTCOME_COLOURS.items()}
        looks = shown.evaluate("window.drivetr.looks()")
        counts = Counter(
            (look["source"], names.get(tuple(look["colour"]), "neutral")) for look in looks
        )
        expected = frame_errors(pair.frames[0], "petr", 0.42)
        assert counts[("petr", "hit")] == expected.hits
        assert counts[("petr", "false")] == expected.false
        assert counts[(None, "missed")] == expected.misses
        assert counts[(None, "neutral")] == expected.hits
        assert "±" in shown.locator(".bev figcaption").first.inner_text()

    def test_classes_can_be_hidden(self, shown: Any, pair: Recording) -> None:
        shown.locator(".chip", has_text="car").click()
        settle(shown)
        found = pair.frames[0].predictions["petr"]
        others = (found.labels != DETECTION_CLASSES.index("car")) & (found.scores >= 0.3)
        assert rows_above(shown, 0, "petr") == others.nonzero()[:, 0].tolist()
        shown.locator(".chip", has_text="all").click()
        settle(shown)
        assert rows_above(shown, 0, "petr") == expected_rows(pair.frames[0], "petr", 0.3)

    def test_two_sources_side_by_side(self, shown: Any, pair: Recording) -> None:
        shown.locator("#versus").select_option(label="streampetr")
        settle(shown)
        for panel, source in enumerate(pair.sources):
            assert rows_above(shown, panel, source) == expected_rows(pair.frames[0], source, 0.3)
            errors = frame_errors(pair.frames[0], source, 0.3)
            words = shown.locator(".bev figcaption").nth(panel).inner_text()
            assert f"{errors.false} false" in words
            assert f"{errors.misses} missed" in words
        both = {box["source"] for box in shown.evaluate("window.drivetr.looks()")}
        assert both == {None, *pair.sources}

    def test_frames_stand_worst_first(self, shown: Any, pair: Recording) -> None:
        slide(shown, 0.5)
        wrong = [frame_errors(frame, "petr", 0.5).total for frame in pair.frames]
        expected = sorted(range(len(wrong)), key=lambda i: (-wrong[i], i))
        listed = shown.locator("#frames button > b").all_inner_texts()
        assert [int(text) - 1 for text in listed if text] == expected
        shown.locator("#frames button").first.click()
        assert state(shown)["frame"] == expected[0]

    def test_errors_of_the_frame_are_listed(self, shown: Any, pair: Recording) -> None:
        """False ones by score, then missed ones by distance; a click or a key chooses one."""
        slide(shown, 0.42)
        truth, found = pair.frames[0].truth, pair.frames[0].predictions["petr"]
        sure = found.scores >= 0.42
        false = (sure & found.judged & (found.partner < 0)).nonzero()[:, 0].tolist()
        taken = set(found.partner[sure].tolist())
        missed = [row for row in range(len(truth)) if truth.judged[row] and row not in taken]
        false.sort(key=lambda row: -found.scores[row])
        missed.sort(key=lambda row: truth.boxes[row, :2].norm())
        assert false
        assert missed
        entries = shown.locator("#mistakes button")
        kinds = entries.locator("span:first-child").all_inner_texts()
        assert kinds == ["false"] * len(false) + ["missed"] * len(missed)
        expected = [{"source": "petr", "row": row} for row in false]
        expected += [{"source": None, "row": row} for row in missed]
        entries.first.focus()
        for entry in expected:
            shown.keyboard.press("Enter")
            assert state(shown)["selected"] == entry
            assert shown.locator("#mistakes [aria-pressed=true]").count() == 1
            shown.keyboard.press("Tab")
        shown.keyboard.press("p")
        settle(shown)
        assert entries.count() == len(missed)

    def test_fits_the_window(self, visitor: Visitor, pair_page: Path) -> None:
        page = visitor.visit(pair_page, "#src=petr&vs=streampetr")
        for width, height in [(1440, 900), (1024, 768), (390, 844)]:
            page.set_viewport_size({"width": width, "height": height})
            settle(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            if width > 760:
                assert page.evaluate("document.documentElement.scrollHeight") <= height

    def test_dark_and_light(self, visitor: Visitor, pair_page: Path) -> None:
        """The system's choice first, then the button's."""
        ground = "getComputedStyle(document.body).backgroundColor"
        for light, colours in [
            (False, ["rgb(15, 17, 21)", "rgb(238, 240, 244)"]),
            (True, ["rgb(238, 240, 244)", "rgb(15, 17, 21)"]),
        ]:
            page = visitor.visit(pair_page, light=light)
            settle(page)
            assert page.evaluate(ground) == colours[0]
            page.locator("#theme").click()
            assert page.evaluate(ground) == colours[1]


class TestMoving:
    def test_play_goes_on_to_the_end(self, shown: Any, pair: Recording) -> None:
        shown.locator("#speed").select_option("8")
        shown.keyboard.press("Escape")
        shown.locator("#play").click()
        assert state(shown)["playing"]
        last = len(pair.frames) - 1
        wait_for_state(shown, frame=last, playing=False)
        shown.keyboard.press("Space")  # from the end it begins anew
        assert state(shown)["frame"] < last

    def test_the_timeline_scrubs(self, shown: Any, pair: Recording) -> None:
        box = shown.locator("#timeline").bounding_box()
        shown.mouse.click(box["x"] + box["width"] * 0.58, box["y"] + 10)
        assert state(shown)["frame"] == 3

    def test_keys(self, shown: Any) -> None:
        for key, field, value in [
            ("ArrowRight", "frame", 1),
            ("ArrowRight", "frame", 2),
            ("ArrowLeft", "frame", 1),
            ("End", "frame", 5),
            ("ArrowRight", "frame", 5),
            ("Home", "frame", 0),
            ("+", "threshold", 0.35),
            ("-", "threshold", 0.3),
            ("t", "truth", False),
            ("t", "truth", True),
            ("p", "predictions", False),
            ("p", "predictions", True),
            ("v", "arrows", False),
            ("l", "labels", False),
            ("o", "by", "outcome"),
            ("2", "large", 0),  # the second in the ring is the front
            ("Escape", "large", None),
            ("Space", "playing", True),
            ("Space", "playing", False),
        ]:
            shown.keyboard.press(key)
            assert state(shown)[field] == value, key
        shown.keyboard.press("?")
        assert shown.locator("#keys").is_visible()
        shown.keyboard.press("Escape")
        assert not shown.locator("#keys").is_visible()

    def test_truth_and_predictions_go_and_come(self, shown: Any, pair: Recording) -> None:
        shown.keyboard.press("t")
        settle(shown)
        assert rows_above(shown, 0, None) == []
        shown.keyboard.press("p")
        settle(shown)
        assert rows_above(shown, 0, "petr") == []

    def test_a_link_brings_the_same_view(
        self, visitor: Visitor, pair: Recording, pair_page: Path
    ) -> None:
        token = pair.frames[4].token
        page = visitor.visit(
            pair_page, f"#frame={token}&thr=0.55&src=streampetr&vs=petr&by=outcome"
        )
        found = state(page)
        assert (found["frame"], found["threshold"], found["by"]) == (4, 0.55, "outcome")
        assert found["sources"] == ["streampetr", "petr"]
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("+")
        settle(page)
        again = visitor.visit(pair_page, rested_link(page))
        assert state(again) == state(page)
        again.evaluate("location.hash = 'frame=2'")
        wait_for_state(again, frame=1)

    @pytest.mark.parametrize("link", ["#frame=99&thr=x&src=nobody", "#frame=-1", "#%", "#&&="])
    def test_a_wrong_link_opens_the_beginning(
        self, visitor: Visitor, pair_page: Path, link: str
    ) -> None:
        found = state(visitor.visit(pair_page, link))
        assert (found["frame"], found["threshold"], found["sources"]) == (
            0,
            0.3,
            ["petr"],
        )
        assert visitor.complaints == []

    def test_a_box_can_be_read_and_followed(self, shown: Any, pair: Recording) -> None:
        """The chosen object stays chosen in the next frame, by its track."""
        shown.keyboard.press("p")
        settle(shown)
        middle = shown.locator(".bev canvas").first.bounding_box()
        nearest = pair.frames[0].truth.boxes[:, :2].norm(dim=1).argmin().item()
        x, y = pair.frames[0].truth.boxes[nearest, :2].tolist()
        scale = min(middle["width"], middle["height"]) / (2 * state(shown)["range"])
        shown.mouse.click(
            middle["x"] + middle["width"] / 2 - y * scale,
            middle["y"] + middle["height"] / 2 - x * scale,
        )
        assert state(shown)["selected"] == {"source": None, "row": nearest}
        assert f"object {nearest}" in shown.locator("#facts").inner_text()
        shown.keyboard.press("ArrowRight")
        assert state(shown)["selected"] == {"source": None, "row": nearest}
