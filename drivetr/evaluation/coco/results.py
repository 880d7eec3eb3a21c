"""COCO result files: a list of boxes with scores, checked before pycocotools reads it."""

import json
import math
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from drivetr.errors import DrivetrError
from drivetr.evaluation.streamed import StreamedText
from drivetr.structures.detections2d import Detections2D


class ResultsWriter(StreamedText):
    """Writes detections image by image.

    Args:
        path: JSON file.
        category_ids: COCO's number of each label; None for a label that means no category, whose
            detections are left out.
    """

    def __init__(self, path: Path, category_ids: Sequence[int | None]) -> None:
        super().__init__(path, "[", ",\n", "]\n")
        self._category_ids = category_ids

    def add(self, image_id: int, found: Detections2D) -> None:
        """Writes the detections of an image; boxes become left, top, width, height."""
        self.write(map(json.dumps, self._rows(image_id, found)))

    def _rows(self, image_id: int, found: Detections2D) -> Iterator[dict[str, Any]]:
        corners = found.boxes.double()
        sizes = corners[:, 2:] - corners[:, :2]
        for corner, size, score, label in zip(
            corners[:, :2].tolist(),
            sizes.tolist(),
            found.scores.tolist(),
            found.labels.tolist(),
            strict=True,
        ):
            category = self._category_ids[label]
            row = {"image_id": image_id, "category_id": category, "bbox": [*corner, *size]}
            if category is not None:
                yield row | {"score": score}


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
    strange = sorted({row["image_id"] for row in rows if _is_of_another_image(row, image_ids)})
    if strange:
        more = f" and {len(strange) - 5} more" if len(strange) > 5 else ""
        raise DrivetrError(
            f"{path}: image_id {', '.join(map(str, strange[:5]))}{more} of the results are not in"
            f" the annotations, which have {len(image_ids)} images; are they of another split?"
        )
    for place, row in enumerate(rows):
        fault = _fault(row, image_ids, category_ids)
        if fault is not None:
            raise DrivetrError(f"{path}: results[{place}]: {fault}")
    return rows


def _fault(row: Any, image_ids: Collection[int], category_ids: Collection[int]) -> str | None:
    if not isinstance(row, dict):
        return f"found {row!r}, expected an object with image_id, category_id, bbox and score"
    for name, known in (("image_id", image_ids), ("category_id", category_ids)):
        if type(row.get(name)) is not int:
            return f"{name} is {row.get(name)!r}, expected a whole number"
        if row[name] not in known:
            return f"{name} {row[name]} is not in the annotations; is it of another split?"
    box, score = row.get("bbox"), row.get("score")
    if not (isinstance(box, list) and len(box) == 4 and all(map(_is_number, box))):
        return f"bbox is {box!r}, expected four finite numbers [left, top, width, height]"
    if min(box[2:]) < 0:
        return f"bbox {box} has a negative width or height"
    return None if _is_number(score) else f"score is {score!r}, expected a finite number"


def _is_of_another_image(row: Any, image_ids: Collection[int]) -> bool:
    number = row.get("image_id") if isinstance(row, dict) else None
    return type(number) is int and number not in image_ids


def _is_number(value: Any) -> bool:
    kind = type(value)
    return (kind is float and math.isfinite(value)) or (kind is int and abs(value) < 2**63)
