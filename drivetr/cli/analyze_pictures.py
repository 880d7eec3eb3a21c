"""Pictures of the frames in which a detector is most wrong, and how to look closer."""

import math
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import numpy as np
import torch
from numpy.typing import NDArray

from drivetr.data.image_loader import ImageLoader
from drivetr.data.nuscenes.dataset import img_from_reference
from drivetr.data.nuscenes.index import NuScenesIndex
from drivetr.data.nuscenes.records import CameraRecord, SampleRecord, SceneRecord
from drivetr.evaluation.nuscenes.axes import SplitFacts
from drivetr.evaluation.nuscenes.frame_counts import count_frames
from drivetr.evaluation.nuscenes.matched import MatchedSplit
from drivetr.geometry.boxes import box_corners, transform_boxes
from drivetr.geometry.rigid import invert_rigid, transform_points
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.visual.drawables import Drawable
from drivetr.visual.jpeg import encode_jpeg
from drivetr.visual.outcome_view import draw_outcomes, outcome_box
from drivetr.visual.page import camera_title
from drivetr.visual.report import Picture
from drivetr.visual.text import Canvas

_QUALITY = 72  # a picture of 640 pixels has about 30 kB
_AROUND_S = 0.1  # before and after a frame


@dataclass(frozen=True)
class Judgement:
    """A submission with everything that is known of it.

    Attributes:
        name: in the report.
        source: name that a replay gives it.
        split: its boxes.
        facts: of them.
        threshold: score at which it is looked at.
    """

    name: str
    source: str
    split: MatchedSplit
    facts: SplitFacts
    threshold: float


class Photographer:
    """Makes pictures of frames.

    Args:
        index: of the dataset.
        replay: page of a replay that pictures link to; None for the command instead.
        command: a replay's command line without scene and time.
    """

    def __init__(self, index: NuScenesIndex, replay: str | None, command: str) -> None:
        self._index = index
        self._replay = replay
        self._command = command
        self._images = ImageLoader(
            index.dataroot,
            num_images=index.num_images,
            missing="tolerant",
            limit=1.0,
            rescale=True,
        )

    def picture(self, of: Judgement, frame: int, words: str, title: str = "") -> Picture:
        """The camera of a frame that shows most errors, with the view from above.

        Args:
            of: the submission.
            frame: row of the frame in the split.
            words: behind those about the frame.
            title: above them; else scene and number of the frame.
        """
        sample = self._index.sample(self._index.row_of(of.split.tokens[frame]))
        counts = count_frames(of.split, of.threshold)
        scene = self._index.scenes()[sample.scene_row]
        number = self._index.row_of(sample.token) - scene.first_row
        told = (
            f"{counts.hits[frame]} of {counts.objects[frame]} objects found,"
            f" {counts.false[frame]} false predictions{words}"
        )
        drawn = self._draw(of, frame, sample)
        return Picture(
            jpeg=None if drawn is None else encode_jpeg(drawn, _QUALITY),
            size=(0, 0) if drawn is None else (drawn.shape[0], drawn.shape[1]),
            title=title or f"{scene.name}, frame {number + 1} of {scene.num_samples}",
            words=told + (f"; {scene.description}" if scene.description else ""),
            link=self._link(sample.token, of),
            command="" if self._replay else self._command_of(sample, scene),
        )

    def _link(self, token: str, of: Judgement) -> str:
        """The replay at a frame."""
        if not self._replay:
            return ""
        state = {"frame": token, "thr": f"{of.threshold:.2f}", "src": of.source, "by": "outcome"}
        return f"{quote(self._replay)}#{urlencode(state)}"

    def _command_of(self, sample: SampleRecord, scene: SceneRecord) -> str:
        """What to type for a replay of the frame."""
        seconds = (sample.timestamp_us - self._index.timestamp_us(scene.first_row)) / 1e6
        moment = (f"{max(0.0, seconds - _AROUND_S):.1f}", "--to", f"{seconds + _AROUND_S:.1f}")
        return f"{self._command} {shlex.join(['--scene', scene.name, '--from', *moment])}"

    def _draw(self, of: Judgement, frame: int, sample: SampleRecord) -> Canvas | None:
        """The picture; None without cameras."""
        if not sample.cameras:
            return None
        record = _camera_of_errors(of, frame, sample)
        global_from_ego = torch.from_numpy(np.array(sample.global_from_ego, dtype=np.float64))
        projection = img_from_reference(record, global_from_ego)
        image = self._images.load(record.filename, record.height, record.width)
        canvas = None if image is None else image.permute(1, 2, 0).contiguous().numpy()
        if canvas is not None:
            projection[0] *= canvas.shape[1] / record.width
            projection[1] *= canvas.shape[0] / record.height
        boxes = list(_drawables(of, frame, global_from_ego))
        reach = math.ceil(of.split.truth.distance.max(initial=1.0) / 10) * 10.0
        title = camera_title(record.channel)
        return draw_outcomes(canvas, projection.numpy(), boxes, title, range_m=reach)


def _errors(of: Judgement, frame: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the missed objects and of the false predictions of a frame."""
    split = of.split
    missed = (split.truth.frame == frame) & (split.partner_score < of.threshold)
    false = (split.found.frame == frame) & (split.found.scores >= of.threshold)
    return np.flatnonzero(missed), np.flatnonzero(false & (split.partner < 0))


def _camera_of_errors(of: Judgement, frame: int, sample: SampleRecord) -> CameraRecord:
    """The camera that sees most errors best."""
    missed, false = _errors(of, frame)
    views = of.facts
    cameras = np.concatenate([views.truth.camera[missed], views.found.camera[false]])
    counts = np.bincount(cameras, minlength=len(views.cameras) + 1)
    return max(sample.cameras, key=lambda c: counts[views.cameras.index(c.channel)])


def _drawables(of: Judgement, frame: int, global_from_ego: torch.Tensor) -> Iterator[Drawable]:
    """The boxes of a frame in ego: found objects, false predictions, hits, missed objects."""
    split, ego_from_global = of.split, invert_rigid(global_from_ego)
    missed, false = _errors(of, frame)
    shown = (split.found.frame == frame) & (split.found.scores >= of.threshold)
    hits = np.flatnonzero(shown & (split.partner >= 0))
    for outcome, table, rows in (
        ("found", split.truth, split.partner[hits]),
        ("false", split.found, false),
        ("hit", split.found, hits),
        ("missed", split.truth, missed),
    ):
        boxes = torch.from_numpy(table.boxes[rows])
        corners = transform_points(ego_from_global, box_corners(boxes)).numpy()
        moved = transform_boxes(ego_from_global, boxes).numpy()
        for i, row in enumerate(rows.tolist()):
            name = DETECTION_CLASSES[table.labels[row]].replace("_", " ")
            score = float(table.scores[row])
            text = {"found": "", "missed": name}.get(outcome, f"{name} {score:.2f}")
            yield outcome_box(moved[i], corners[i], outcome, text, score)
