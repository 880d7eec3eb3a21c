"""Finds the convention that a detector's boxes are in, with a few frames of ground truth.

A detector that is read in a wrong convention finds objects and gives them wrong sizes or headings:
length and width exchanged (mASE about 0.7), a yaw that begins elsewhere (mAOE about 1.56, a mean
over all directions), or both. Read in the right one both errors are small.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from drivetr.engine.api import LoadedDetector
from drivetr.engine.box_conventions import CONVENTIONS, heads_of
from drivetr.errors import DrivetrError
from drivetr.geometry.box_codes import BOX_CODES, BoxCode
from drivetr.geometry.box_errors import size_error, yaw_error
from drivetr.geometry.boxes import CENTER, BoxColumn
from drivetr.geometry.matching import match_centres
from drivetr.structures.frame import Frame

_LIMIT_M = 2.0  # of the nuScenes errors
_FEWEST_PAIRS = 20
_WRONG_SIZE, _WRONG_YAW = 0.7, 1.56  # what the errors are under a wrong convention
_MARGIN = 0.3  # of one signature, between the best convention and the next
_HOPELESS = 1.5  # both errors near their signatures
_HOPELESS_ALONE = 1.0  # one error near its signature, and no other convention to compare with
_LESS_SIZE, _LESS_YAW, _LESS_M = 0.2, 0.4, 0.5  # differences that are worth a word
_NO_FRONT, _NO_HEADING = "barrier", "traffic_cone"


class Finding(Enum):
    """What readings say about the convention that a detector is read in."""

    RIGHT = "right"
    WRONG = "wrong"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Reading:
    """What a detector finds when its boxes are read in one convention.

    Attributes:
        name: of the convention.
        pairs: detections with an object of their class within 2 m.
        objects: that there are.
        centre_m: mean distance of the centres on the ground (mATE); this and the next two are means
            over the classes of means over pairs.
        size: mean 1 - IoU of the sizes (mASE).
        yaw_rad: mean angle between the headings (mAOE), without traffic cones.
        height_m: mean distance of the centres in z.
    """

    name: str
    pairs: int
    objects: int
    centre_m: float
    size: float
    yaw_rad: float
    height_m: float

    @property
    def wrongness(self) -> float:
        """Errors in units of what a wrong convention gives: 2 where all of it is wrong."""
        return self.size / _WRONG_SIZE + self.yaw_rad / _WRONG_YAW

    def __str__(self) -> str:
        """A row of the table that `HEADER` begins."""
        return (
            f"{self.name:16s} {self.pairs:5d} of {self.objects:5d} {self.centre_m:8.3f}"
            f" {self.size:8.3f} {self.yaw_rad:8.3f} {self.height_m:8.3f}"
        )


HEADER = f"{'convention':16s} {'matched':>14s} {'mATE m':>8s} {'mASE':>8s} {'mAOE':>8s} {'z m':>8s}"


def spread_frames(dataset: Any, count: int) -> list[Frame]:
    """Frames at equal distances in a dataset, all of them where it has fewer.

    Raises:
        DrivetrError: there are none, or the dataset has other samples than frames.
    """
    if count < 1:
        raise DrivetrError(f"--frames is {count}, expected 1 or more")
    if not len(dataset):
        raise DrivetrError("the split has no samples; choose another one, --split")
    count = min(count, len(dataset))
    frames = [dataset[(2 * i + 1) * len(dataset) // (2 * count)] for i in range(count)]
    if not isinstance(frames[0], Frame):
        raise DrivetrError(f"a {type(dataset).__name__} has no frames with 3D boxes")
    return frames


def read_in_all(loaded: LoadedDetector, frames: Sequence[Frame]) -> list[Reading]:
    """What the detector finds in each of the published conventions.

    It runs once a frame and convention, each time without memory of other frames: where layers
    start from the boxes of the one before, reading the last one otherwise is not enough.

    Raises:
        DrivetrError: it has no head whose boxes could be read otherwise.
    """
    if not any(heads_of(loaded.detector)):
        raise DrivetrError(f"{loaded.spec.source}: a {type(loaded.detector).__name__} has no boxes")
    readings = []
    with tqdm(total=len(CONVENTIONS) * len(frames), desc="doctor", disable=None) as bar:
        for name in CONVENTIONS:
            pairs: dict[str, list[Tensor]] = {}
            with _read_as(loaded.detector, BOX_CODES[name]):
                for frame in frames:
                    _collect(pairs, loaded, frame)
                    bar.update()
            readings.append(_reading(name, pairs, sum(len(_truth(f).labels) for f in frames)))
    return readings


def own_convention(loaded: LoadedDetector) -> str:
    """The published convention that a detector is read in; drivetr's own is one of them."""
    code = next(heads_of(loaded.detector)).code
    same = (name for name in CONVENTIONS if _columns(BOX_CODES[name]) == _columns(code))
    return next(same, str(code.name))


def _columns(code: BoxCode) -> tuple[Any, ...]:
    return code.columns, code.yaw_signs


@contextmanager
def _read_as(detector: nn.Module, code: BoxCode) -> Iterator[None]:
    """The detector with its heads in another convention."""
    before = [(head, head.code) for head in heads_of(detector)]
    try:
        for head, _ in before:
            head.code = code
        yield
    finally:
        for head, own in before:
            head.code = own


def _truth(frame: Frame) -> Any:
    if frame.targets is None:
        raise DrivetrError(f"{frame.token}: the split has no ground truth, choose one that has")
    return frame.targets


def _collect(pairs: dict[str, list[Tensor]], loaded: LoadedDetector, frame: Frame) -> None:
    """Adds a frame's pairs (P,2,10) of detection and object to those of their classes."""
    found, truth = next(loaded.predict_frames([frame])), _truth(frame)
    for label, name in enumerate(loaded.classes):
        boxes, scores = found.boxes[found.labels == label], found.scores[found.labels == label]
        objects = truth.boxes[truth.labels == label].to(boxes)
        owner = match_centres(boxes[:, :2], scores, objects[:, :2], _LIMIT_M)
        chosen = owner >= 0
        if bool(chosen.any()):
            both = torch.stack([boxes[chosen], objects[owner[chosen]]], dim=1)
            pairs.setdefault(name, []).append(both)


def _reading(name: str, pairs: dict[str, list[Tensor]], objects: int) -> Reading:
    """Means over classes; NaN where there is no pair."""
    rows: dict[str, list[float]] = {"centre": [], "size": [], "yaw": [], "height": []}
    for label, parts in pairs.items():
        found, truth = torch.cat(parts).unbind(1)
        apart = found[:, CENTER] - truth[:, CENTER]
        rows["centre"].append(float(apart[:, :2].norm(dim=-1).mean()))
        rows["size"].append(float(size_error(found, truth).mean()))
        rows["height"].append(float(apart[:, BoxColumn.Z].abs().mean()))
        if label != _NO_HEADING:
            period = math.pi if label == _NO_FRONT else 2 * math.pi
            rows["yaw"].append(float(yaw_error(found, truth, period).mean()))
    centre, size, yaw, height = (sum(r) / len(r) if r else math.nan for r in rows.values())
    count = sum(len(part) for parts in pairs.values() for part in parts)
    return Reading(name, count, objects, centre, size, yaw, height)


def verdict(readings: Sequence[Reading], own: str) -> tuple[Finding, str]:
    """What the readings say about the convention that a detector is read in now.

    A reading with too few pairs is not compared: where layers start from the boxes of the one
    before, a wrong convention can lose the objects that the right one finds.

    Args:
        readings: of `read_in_all`.
        own: of `own_convention`.

    Returns:
        the finding, and the sentences that explain it.
    """
    usable = [r for r in readings if r.pairs >= _FEWEST_PAIRS and not math.isnan(r.yaw_rad)]
    if not usable:
        most = max(readings, key=lambda r: r.pairs)
        return Finding.UNDECIDED, (
            f"Nothing can be told: {most.pairs} of {most.objects} objects have a detection of"
            f" their class within {_LIMIT_M:g} m, and {_FEWEST_PAIRS} are needed. Take more frames"
            " (--frames); if nearly none are found, these weights do not belong to these images."
        )
    best, *others = sorted(usable, key=lambda r: r.wrongness)
    unclear = any(other.wrongness - best.wrongness < _MARGIN for other in others)
    if unclear or best.wrongness > (_HOPELESS if others else _HOPELESS_ALONE):
        return Finding.UNDECIDED, (
            "Nothing can be told: no convention is clearly better than the others, the least errors"
            f" are mASE {best.size:.2f} and mAOE {best.yaw_rad:.2f} of {best.name}. Take more"
            " frames (--frames), with cars in them; or the detector is not trained."
        )
    if best.name == own:
        return Finding.RIGHT, (
            f"The boxes are read as they were trained: --box-convention {own} is right."
        )
    present = next(r for r in readings if r.name == own)
    return Finding.WRONG, (
        f"The boxes are read as {own}, but were trained as {best.name}:"
        f" {_signature(present, best)}. Convert the checkpoint again with --box-convention"
        f" {best.name}."
    )


def _signature(present: Reading, best: Reading) -> str:
    """What is wrong with the present reading, in words."""
    if present.pairs < _FEWEST_PAIRS:
        return f"{present.pairs} objects are found instead of {best.pairs}"
    words = []
    if present.size - best.size > _LESS_SIZE:
        words.append(f"sizes are in other columns (mASE {present.size:.2f}, not {best.size:.2f})")
    if present.yaw_rad - best.yaw_rad > _LESS_YAW:
        words.append(f"yaw begins elsewhere (mAOE {present.yaw_rad:.2f}, not {best.yaw_rad:.2f})")
    if present.height_m - best.height_m > _LESS_M:
        words.append(f"z is in another column ({present.height_m:.1f} m off on average)")
    return ", ".join(words) or "all errors are smaller so"
