"""Predictions that a replay draws: from submissions, or from a detector that runs meanwhile."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from drivetr.data.nuscenes.index import NuScenesIndex
from drivetr.evaluation.nuscenes.submission import read_submission
from drivetr.geometry.nuscenes_boxes import boxes_from_nuscenes
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.structures.detections import Detections


class PredictionSource(Protocol):
    """Something that has boxes for samples."""

    name: str
    classes: tuple[str, ...]

    def has(self, token: str) -> bool:
        """Whether there is an answer, be it an empty one, for a sample."""
        ...

    def detections(
        self, row: int, token: str, lidar_from_global: Float[Tensor, "4 4"]
    ) -> Detections:
        """The boxes of a sample in its reference frame."""
        ...


class SubmissionSource:
    """The boxes of a nuScenes submission, which are in the global frame."""

    classes = DETECTION_CLASSES

    def __init__(self, path: Path, name: str) -> None:
        """Reads the whole file.

        Raises:
            DrivetrError: it is not a valid submission.
        """
        self.name = name
        self._results = read_submission(path)

    def has(self, token: str) -> bool:
        """Whether the submission has an entry for a sample."""
        return token in self._results

    def detections(
        self, row: int, token: str, lidar_from_global: Float[Tensor, "4 4"]
    ) -> Detections:
        """The boxes of a sample in its reference frame."""
        boxes = self._results[token]
        columns = {
            key: torch.tensor([box[key] for box in boxes], dtype=torch.float64).reshape(-1, size)
            for key, size in (("translation", 3), ("size", 3), ("rotation", 4), ("velocity", 2))
        }
        return Detections(
            boxes=boxes_from_nuscenes(
                columns["translation"],
                columns["size"],
                columns["rotation"],
                columns["velocity"],
                lidar_from_global,
            ),
            scores=torch.tensor([float(box["detection_score"]) for box in boxes]),
            labels=torch.tensor(
                [self.classes.index(box["detection_name"]) for box in boxes], dtype=torch.long
            ),
        )


def open_predictions(
    results: Sequence[str], checkpoint: str | None, index: NuScenesIndex
) -> list[PredictionSource]:
    """The sources that the command line names, each under a name of its own."""
    paths = [Path(result) for result in results]
    names = [path.stem for path in paths]
    if len(set(names)) < len(names):  # the same file name in several folders
        names = [f"{path.parent.name}/{path.stem}" for path in paths]
    sources: list[PredictionSource] = [
        SubmissionSource(path, name) for path, name in zip(paths, names, strict=True)
    ]
    return sources
