"""COCO result files: a list of boxes with scores, checked before pycocotools reads it."""

import json
import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from drivetr.errors import DrivetrError
from drivetr.files import atomic_text
from drivetr.structures.detections2d import Detections2D


class ResultsWriter:
    """Collects detections image by image and writes them when the block ends well.

    Args:
        path: JSON file.
        category_ids: COCO's number of each label; None for a label that means no category, whose
            detections are left out.
    """

    def __init__(self, path: Path, category_ids: Sequence[int | None]) -> None:
        self.path = path
        self.category_ids = category_ids
        self.rows: list[dict[str, Any]] = []

    def __enter__(self) -> "ResultsWriter":
        """Starts with no detections."""
        self.rows = []
        return self

    def add(self, image_id: int, found: Detections2D) -> None:
        """Adds the detections of an image; boxes become left, top, width, height."""
        corners = found.boxes.double()
        sizes = corners[:, 2:] - corners[:, :2]
        for corner, size, score, label in zip(
            corners[:, :2].tolist(),
            sizes.tolist(),
            found.scores.tolist(),
            found.labels.tolist(),
            strict=True,
        ):
            category = self.category_ids[label]
            row = {"image_id": image_id, "category_id": category, "bbox": [*corner, *size]}
            if category is not None:
                self.rows.append(row | {"score": score})

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        """Writes the file, whole or not at all."""
        if error is None:
            with atomic_text(self.path) as file:
                json.dump(self.rows, file)


def read_results(
    path: Path, image_ids: Collection[int], category_ids: Collection[int]
) -> list[dict[str, Any]]:
    """The rows of a result file, all of which pycocotools can use.

    Raises:
        DrivetrError: no list of results, a row of another image or category, or a number that is
            not finite or not positive where it has to be.
    """
    try:
        rows = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise DrivetrError(f"results {path} do not exist") from error
    except (ValueError, RecursionError) as error:
        raise DrivetrError(f"{path}: is not valid JSON ({error})") from error
    if not isinstance(rows, list):
        raise DrivetrError(f"{path}: found a {type(rows).__name__}, expected COCO's list of boxes")
    for place, row in enumerate(rows):
        fault = _fault(row, image_ids, category_ids)
        if fault is not None:
            raise DrivetrError(f"{path}: results[{place}]: {fault}")
    return rows


def _fault(row: Any, image_ids: Collection[int], category_ids: Collection[int]) -> str | None:
    if not isinstance(row, dict):
        return f"found {row!r}, expected an object with image_id, category_id, bbox and score"
    for name, known in (("image_id", image_ids), ("category_id", category_ids)):
        if not isinstance(row.get(name), int) or row[name] not in known:
            return f"{name} {row.get(name)!r} is not in the annotations; is it of another split?"
    box, score = row.get("bbox"), row.get("score")
    if not (isinstance(box, list) and len(box) == 4 and all(map(_is_number, box))):
        return f"bbox is {box!r}, expected four finite numbers [left, top, width, height]"
    if min(box[2:]) < 0:
        return f"bbox {box} has a negative width or height"
    return None if _is_number(score) else f"score is {score!r}, expected a finite number"


def _is_number(value: Any) -> bool:
    kind = type(value)
    return (kind is float and math.isfinite(value)) or (kind is int and abs(value) < 2**63)
