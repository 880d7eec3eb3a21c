"""Writing and reading nuScenes detection submissions.

A submission is one JSON object: `meta` tells what was used, `results` maps every sample token of a
split to at most 500 boxes in the global frame.
"""

import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from drivetr.errors import DrivetrError
from drivetr.evaluation.nuscenes.attributes import attribute_name
from drivetr.evaluation.nuscenes.constants import (
    CAMERA_ONLY_META,
    CLASS_RANGE,
    MAX_BOXES_PER_SAMPLE,
)
from drivetr.evaluation.nuscenes.validate import check_submission, check_tracks
from drivetr.evaluation.streamed import StreamedText
from drivetr.geometry.boxes import CENTER, SIZE, VELOCITY
from drivetr.geometry.nuscenes_boxes import nuscenes_from_boxes
from drivetr.geometry.rigid import transform_points
from drivetr.structures.detections import Detections

_log = logging.getLogger(__name__)


class SubmissionWriter(StreamedText):
    """Writes a submission sample by sample, and gives the file its name only when it is complete.

    Use it as a context manager; an exception inside the block leaves no file behind.

        with SubmissionWriter("results.json", DETECTION_CLASSES) as writer:
            writer.add(token, detections, global_from_lidar, ego_from_lidar)

    As every tool descended from mmdetection3d does, boxes farther from the car than their class is
    evaluated (`CLASS_RANGE`) are left out. Of what remains the 500 highest scores are kept; a
    warning at the end tells how many boxes that cost. An unknown velocity (NaN) is written as 0,
    because the format has no word for it. Attributes come from `attribute_name`.
    """

    def __init__(
        self, path: str | Path, classes: Sequence[str], meta: Mapping[str, bool] | None = None
    ) -> None:
        """Prepares the file; nothing is written before the block is entered.

        Args:
            path: the file to write; its folder is made where absent.
            classes: what the labels of the detections stand for.
            meta: which inputs were used, numpy's truth values too; by default cameras only.

        Raises:
            DrivetrError: a class is none of the ten of the detection task.
        """
        unknown = [name for name in classes if name not in CLASS_RANGE]
        if unknown:
            raise DrivetrError(
                f"{path}: class {unknown[0]!r} is none of the nuScenes detection classes"
                f" {', '.join(CLASS_RANGE)}; a submission can hold only these."
            )
        given = CAMERA_ONLY_META if meta is None else meta
        known = {k: v.item() if isinstance(v, np.generic) else v for k, v in given.items()}
        super().__init__(path, f'{{"meta": {json.dumps(known)}, "results": {{', ",", "\n}}\n")
        self._classes = tuple(classes)
        self._range = torch.tensor([CLASS_RANGE[name] for name in classes], dtype=torch.float64)
        self._tokens: set[str] = set()
        self._crowded_samples = self._boxes_cut = 0

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends the file, or leaves none behind; tells what it does not hold."""
        super().__exit__(kind, error, trace)
        if kind is None and self._crowded_samples:
            _log.warning(
                "%s: %d samples had more than %d boxes; the %d lowest-scored boxes were left out",
                self.path, self._crowded_samples, MAX_BOXES_PER_SAMPLE, self._boxes_cut,
            )  # fmt: skip

    def add(
        self,
        token: str,
        detections: Detections,
        global_from_lidar: Float[Tensor, "4 4"],
        ego_from_lidar: Float[Tensor, "4 4"],
    ) -> None:
        """Writes the detections of one sample; a sample without any gets an empty list.

        Raises:
            DrivetrError: a box or score is not a number that a submission may hold, which is what
                a diverged detector gives.
        """
        if token in self._tokens:
            raise ValueError(f"sample {token} was already added to {self.path}")
        _check_finite(token, detections)
        chosen = self._choose(detections.to("cpu"), ego_from_lidar)
        rows = submission_rows(token, chosen, self._classes, global_from_lidar)
        self.write([f"\n{json.dumps(token)}: {json.dumps(rows, allow_nan=False)}"])
        self._tokens.add(token)

    def _choose(self, detections: Detections, ego_from_lidar: Tensor) -> Detections:
        """The detections within range of their class, the best 500 at most, in their order."""
        center = detections.boxes[:, CENTER].double()
        planar_ego = transform_points(ego_from_lidar.double().cpu(), center)[:, :2]
        near = detections[planar_ego.norm(dim=-1) <= self._range[detections.labels]]
        surplus = len(near) - MAX_BOXES_PER_SAMPLE
        if surplus <= 0:
            return near
        self._crowded_samples += 1
        self._boxes_cut += surplus
        best = near.scores.argsort(descending=True, stable=True)[:MAX_BOXES_PER_SAMPLE]
        return near[best.sort().values]


def submission_rows(
    token: str,
    detections: Detections,
    classes: Sequence[str],
    global_from_lidar: Float[Tensor, "4 4"],
) -> list[dict[str, Any]]:
    """The boxes of one sample as a submission has them: global frame, plain Python numbers.

    Detections with ids get the further field `query_id`, which the devkit passes over. `drivetr
    test` counts them anew in every unbroken run of samples.
    """
    velocity_known = detections.boxes[:, VELOCITY].isfinite().all(-1, keepdim=True)
    center, size_wlh, quaternion_wxyz, velocity = nuscenes_from_boxes(
        detections.boxes.cpu(), global_from_lidar.cpu()
    )
    velocity = velocity.where(velocity_known.cpu(), 0.0)
    columns = zip(
        center.tolist(),
        size_wlh.tolist(),
        quaternion_wxyz.tolist(),
        velocity.tolist(),
        velocity.norm(dim=-1).tolist(),
        detections.scores.tolist(),
        [classes[label] for label in detections.labels.tolist()],
        strict=True,
    )
    rows: list[dict[str, Any]] = [
        {
            "sample_token": token,
            "translation": translation,
            "size": size,
            "rotation": rotation,
            "velocity": planar_velocity,
            "detection_name": name,
            "detection_score": score,
            "attribute_name": attribute_name(name, speed),
        }
        for translation, size, rotation, planar_velocity, speed, score, name in columns
    ]
    if detections.ids is not None:
        for row, number in zip(rows, detections.ids.tolist(), strict=True):
            row["query_id"] = number
    return rows


def write_submission(
    path: str | Path,
    samples: Mapping[str, tuple[Detections, Tensor, Tensor]],
    classes: Sequence[str],
    meta: Mapping[str, bool] | None = None,
) -> None:
    """Writes a whole submission: token -> (detections, global_from_lidar, ego_from_lidar)."""
    with SubmissionWriter(path, classes, meta) as writer:
        for token, (detections, global_from_lidar, ego_from_lidar) in samples.items():
            writer.add(token, detections, global_from_lidar, ego_from_lidar)


def load_submission(path: str | Path) -> dict[str, Any]:
    """The whole content of a submission, `meta` and `results`, checked field by field.

    Raises:
        DrivetrError: the file is no JSON or breaks the format in one of the ways that
            `drivetr.evaluation.nuscenes.validate.check_submission` knows.
    """
    content: dict[str, Any] = _load_json(Path(path))
    check_submission(content, path)
    return content


def read_submission(path: str | Path) -> dict[str, list[dict[str, Any]]]:
    """The boxes of every sample token of a submission, checked as by `load_submission`."""
    results: dict[str, list[dict[str, Any]]] = load_submission(path)["results"]
    return results


def read_boxes(path: str | Path) -> tuple[dict[str, list[dict[str, Any]]], str]:
    """The boxes of every sample token of a detection or a tracking submission, and which it is.

    Returns:
        The boxes, and "detection" or "tracking", which the names of their fields begin with. A file
        without any box counts as detections.

    Raises:
        DrivetrError: it is neither.
    """
    content: dict[str, Any] = _load_json(Path(path))
    kind = "tracking" if _has_tracks(content) else "detection"
    (check_tracks if kind == "tracking" else check_submission)(content, path)
    results: dict[str, list[dict[str, Any]]] = content["results"]
    return results, kind


def _has_tracks(content: Any) -> bool:
    """Whether the first box of what may be a submission is one of a tracking submission."""
    results = content.get("results") if isinstance(content, dict) else None
    samples = results.values() if isinstance(results, dict) else ()
    first = next((boxes[0] for boxes in samples if isinstance(boxes, list) and boxes), None)
    return isinstance(first, dict) and "tracking_id" in first and "detection_name" not in first


def _check_finite(token: str, detections: Detections) -> None:
    """Raises a DrivetrError for NaN, infinity, a size of zero or a score outside of 0..1."""
    boxes, scores = detections.boxes, detections.scores
    good = boxes[:, : VELOCITY.start].isfinite().all(-1) & (boxes[:, SIZE] > 0).all(-1)
    good &= ~boxes[:, VELOCITY].isinf().any(-1) & (scores >= 0) & (scores <= 1)
    if good.all():
        return
    row = int((~good).nonzero()[0])
    raise DrivetrError(
        f"sample {token}: detection {row} has score {float(scores[row])} and box"
        f" {boxes[row].tolist()}, but a submission needs finite numbers, sizes above zero and"
        " scores in 0..1; the detector has probably diverged."
    )


def _load_json(path: Path) -> Any:
    """The content of a JSON file, or a DrivetrError that says where it breaks."""
    try:
        with path.open(encoding="utf-8") as file:
            return json.load(file, object_pairs_hook=_without_twins)
    except FileNotFoundError as error:
        raise DrivetrError(f"{path} does not exist; give the JSON file of a submission.") from error
    except OSError as error:
        raise DrivetrError(f"{path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise DrivetrError(
            f"{path} is no UTF-8 text (byte {error.start}); a submission is a JSON file."
        ) from error
    except json.JSONDecodeError as error:
        raise DrivetrError(
            f"{path} is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}"
            f" (offset {error.pos}); the file may have been cut off while it was written."
        ) from error
    except (ValueError, RecursionError) as error:
        raise DrivetrError(f"{path} is no submission: {error}.") from error


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys are all different; plain JSON readers keep the last in silence."""
    content = dict(pairs)
    if len(content) != len(pairs):
        (twin, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {twin!r} stands twice in one object")
    return content
