"""How an analysis cuts a split: by distance, size, speed, visibility, camera, weather."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drivetr.evaluation.nuscenes.attributes import MOVING_SPEED
from drivetr.evaluation.nuscenes.matched import Floats, Ints, MatchedSplit
from drivetr.evaluation.nuscenes.scene_words import time_word, weather_word
from drivetr.evaluation.nuscenes.slices import Axis, bands
from drivetr.geometry.boxes import SIZE

_DISTANCES_M = (5.0, 10.0, 15.0, 20.0, 30.0, 40.0)
_LENGTHS_M = (1.0, 2.0, 4.0, 6.0, 10.0)
_HEIGHTS_PX = (10.0, 20.0, 40.0, 80.0, 160.0)
_SPEEDS = (MOVING_SPEED, 2.0, 5.0, 10.0)
_VISIBILITY = ("unknown", "0-40 %", "40-60 %", "60-80 %", "80-100 %")
_BORDERS = (
    "whole, in one camera",
    "whole, in several cameras",
    "cut off, in one camera",
    "cut off, in several cameras",
    "in no camera",
)
_WHOLE = 0.99  # share of a box's bounds in the image from which it counts as whole


@dataclass(frozen=True)
class Views:
    """How cameras see boxes.

    Attributes:
        camera: (M,) the one in which a box covers most pixels; the number of cameras for none.
        share: (M,) of its bounds that is within that image; 0 for none.
        height_px: (M,) of it in that image, in pixels of the table; 0 for none.
        count: (M,) cameras that show some of it.
    """

    camera: Ints
    share: Floats
    height_px: Floats
    count: Ints


@dataclass(frozen=True)
class SplitFacts:
    """What a dataset knows of the boxes of a split beyond the boxes.

    Attributes:
        cameras: names.
        truth: views of the objects.
        found: views of the predictions.
        visibility: (G,) nuScenes level 1..4, 0 where unknown.
        scene: (F,) scene of each frame.
        scenes: names.
        descriptions: of the scenes.
    """

    cameras: tuple[str, ...]
    truth: Views
    found: Views
    visibility: Ints
    scene: Ints
    scenes: tuple[str, ...]
    descriptions: tuple[str, ...]


def axes_of(split: MatchedSplit, facts: SplitFacts) -> list[Axis]:
    """All ways to cut a split."""
    truth, found = split.truth, split.found
    cameras = (*facts.cameras, "in no camera")
    lengths = (table.boxes[:, SIZE][:, :2].max(axis=1) for table in (truth, found))
    heights = (views.height_px for views in (facts.truth, facts.found))
    return [
        Axis(
            "distance", "metres from the car, along the ground",
            *bands(_DISTANCES_M, "m", truth.distance, found.distance),
        ),
        Axis(
            "size", "the longer side of the box seen from above",
            *bands(_LENGTHS_M, "m", *lengths),
        ),
        Axis(
            "size in the image", "height in the camera that sees it best",
            *bands(_HEIGHTS_PX, "px", *heights), claims_hold=False,
        ),
        Axis(
            "visibility", "the annotators' level; predictions have none, so that false ones are in"
            " no slice", _VISIBILITY, facts.visibility, None,
        ),
        Axis(
            "speed", "over ground; below 0.2 m/s a box stands still; false predictions stand where"
            " they claim, which may say little", *bands(_SPEEDS, "m/s", truth.speed, found.speed),
            claims_hold=False,
        ),
        Axis(
            "camera", "the one in which the box covers most pixels", cameras, facts.truth.camera,
            facts.found.camera,
        ),
        Axis(
            "border of the image", "whether the camera that sees the box best has all of it, and"
            " whether others see it too", _BORDERS, _border(facts.truth), _border(facts.found),
            claims_hold=False,
        ),
        _of_scenes("weather", [weather_word(text) for text in facts.descriptions], split, facts),
        _of_scenes("time of day", [time_word(text) for text in facts.descriptions], split, facts),
    ]  # fmt: skip


def _of_scenes(name: str, words: Sequence[str], split: MatchedSplit, facts: SplitFacts) -> Axis:
    """An axis of a property of scenes, in alphabetical order."""
    slices = tuple(sorted(set(words)))
    codes = np.array([slices.index(word) for word in words], dtype=np.int64)[facts.scene]
    rule = "from words in the description of the scene"
    return Axis(name, rule, slices, codes[split.truth.frame], codes[split.found.frame])


def _border(views: Views) -> Ints:
    """(M,) row in `_BORDERS`."""
    cut, several = views.share < _WHOLE, views.count > 1
    return np.where(views.count == 0, len(_BORDERS) - 1, 2 * cut + several)
