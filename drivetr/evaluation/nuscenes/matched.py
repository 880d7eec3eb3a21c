"""All boxes of a split that the evaluator counts, as columns, and which object each one takes."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from drivetr.evaluation.nuscenes.outcomes import MATCH_M
from drivetr.geometry.box_errors import size_error, yaw_error
from drivetr.geometry.boxes import VELOCITY
from drivetr.geometry.matching import match_centres
from drivetr.geometry.nuscenes_boxes import boxes_from_nuscenes
from drivetr.structures.classes import DETECTION_CLASSES

if TYPE_CHECKING:
    from nuscenes.eval.common.data_classes import EvalBoxes

    from drivetr.evaluation.nuscenes.detection import JudgedSubmission

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_NO_HEADING = ("traffic_cone",)  # as in the devkit, whose errors of these are NaN
_NO_VELOCITY = ("traffic_cone", "barrier")


@dataclass(frozen=True)
class BoxColumns:
    """Boxes of many frames, one row a box, in the order of the devkit.

    Attributes:
        frame: (M,) row in the split's tokens.
        labels: (M,) index into `DETECTION_CLASSES`.
        scores: (M,) confidence; of truth it means nothing.
        boxes: (M, 10) in the convention of `drivetr.geometry.boxes`, in the global frame.
        distance: (M,) metres from the car, along the ground.
    """

    frame: Ints
    labels: Ints
    scores: Floats
    boxes: Floats
    distance: Floats

    def __len__(self) -> int:
        """Number of boxes."""
        return len(self.frame)

    @property
    def speed(self) -> Floats:
        """(M,) metres per second over ground, NaN where unknown."""
        speed: Floats = np.linalg.norm(self.boxes[:, VELOCITY], axis=1)
        return speed

    def by_frame(self, frames: int) -> list[Ints]:
        """The rows of each of so many frames, in their order."""
        order = np.argsort(self.frame, kind="stable")
        return np.split(order, np.searchsorted(self.frame[order], np.arange(1, frames)))


@dataclass(frozen=True)
class MatchedSplit:
    """Truth and predictions of a split, joined as the devkit does at 2 m.

    Attributes:
        tokens: of the frames.
        truth: G objects that count.
        found: M predictions that count.
        partner: (M,) object that a prediction takes, -1 for none. Surer predictions choose first,
            so that at a score threshold the remaining ones keep their objects.
    """

    tokens: tuple[str, ...]
    truth: BoxColumns
    found: BoxColumns
    partner: Ints

    @cached_property
    def partner_score(self) -> Floats:
        """(G,) score of the prediction that takes each object, -1 where none does."""
        scores = np.full(len(self.truth), -1.0)
        taken = self.partner >= 0
        scores[self.partner[taken]] = self.found.scores[taken]
        return scores

    @cached_property
    def errors(self) -> dict[str, Floats]:
        """ATE, ASE, AOE, AVE of each prediction, (M,) each; NaN where there is none.

        Metres, 1 - IoU, radians, metres per second, of single boxes as the devkit has them.
        """
        rows = np.flatnonzero(self.partner >= 0)
        objects = self.partner[rows]
        found, truth = (
            torch.from_numpy(table.boxes[of])
            for table, of in ((self.found, rows), (self.truth, objects))
        )
        labels = self.found.labels[rows]
        barrier = torch.from_numpy(labels == DETECTION_CLASSES.index("barrier"))
        turn = yaw_error(found, truth).where(~barrier, yaw_error(found, truth, np.pi))
        values = {
            "ATE": (found[:, :2] - truth[:, :2]).norm(dim=-1),
            "ASE": size_error(found, truth),
            "AOE": turn.where(torch.from_numpy(~_any_of(labels, _NO_HEADING)), torch.nan),
            "AVE": (found[:, VELOCITY] - truth[:, VELOCITY])
            .norm(dim=-1)
            .where(torch.from_numpy(~_any_of(labels, _NO_VELOCITY)), torch.nan),
        }
        columns = {name: np.full(len(self.found), np.nan) for name in values}
        for name, column in columns.items():
            column[rows] = values[name].numpy()
        return columns


def matched_split(judged: "JudgedSubmission") -> MatchedSplit:
    """The columns of a submission that the devkit has judged."""
    tokens = tuple(judged.truth.sample_tokens)
    row_of = {token: row for row, token in enumerate(tokens)}
    truth, found = (_columns(boxes, row_of) for boxes in (judged.truth, judged.found))
    return MatchedSplit(tokens, truth, found, match(found, truth, len(tokens)))


def match(found: BoxColumns, truth: BoxColumns, frames: int) -> Ints:
    """(M,) object that each prediction takes, -1 for none, by the devkit's rule."""
    partner = np.full(len(found), -1)
    both = zip(found.by_frame(frames), truth.by_frame(frames), strict=True)
    for rows, objects in both:
        if not len(rows) or not len(objects):
            continue
        taken = match_centres(
            torch.from_numpy(found.boxes[rows, :2]),
            torch.from_numpy(found.scores[rows]),
            torch.from_numpy(truth.boxes[objects, :2]),
            MATCH_M,
            torch.from_numpy(found.labels[rows, None] == truth.labels[objects]),
        ).numpy()
        partner[rows] = np.where(taken >= 0, objects[taken], -1)
    return partner


def _columns(boxes: "EvalBoxes", row_of: dict[str, int]) -> BoxColumns:
    every = boxes.all
    ego = np.array([box.ego_translation for box in every], dtype=np.float64).reshape(-1, 3)
    center, size, rotation, velocity = (
        np.array([getattr(box, name) for box in every], dtype=np.float64).reshape(-1, width)
        for name, width in (("translation", 3), ("size", 3), ("rotation", 4), ("velocity", 2))
    )
    return BoxColumns(
        frame=np.array([row_of[box.sample_token] for box in every], dtype=np.int64),
        labels=np.array(
            [DETECTION_CLASSES.index(box.detection_name) for box in every], dtype=np.int64
        ),
        scores=np.array([box.detection_score for box in every], dtype=np.float64),
        boxes=boxes_from_nuscenes(center, size, rotation, velocity, np.eye(4)).numpy(),
        distance=np.linalg.norm(ego[:, :2], axis=1),
    )


def _any_of(labels: Ints, names: tuple[str, ...]) -> NDArray[np.bool_]:
    return np.isin(labels, [DETECTION_CLASSES.index(name) for name in names])
