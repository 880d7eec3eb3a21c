"""`instances_*.json` of a COCO dataset: read once, checked, kept as arrays."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetr.data.paths import fault_of_filename
from drivetr.errors import DrivetrError
from drivetr.files import require_local


@dataclass(frozen=True)
class CocoImage:
    """One row of `images`, with what `annotations` says of it.

    Attributes:
        id: COCO's number.
        filename: within the split's folder.
        height: pixels.
        width: pixels.
        boxes: (G, 4) left, top, right, bottom in pixels, cut at the image's edges.
        labels: (G,) index into the classes.
        crowd: (G,) True for a region of many objects.
        areas: (G,) square pixels of the objects' masks, as the file has them.
    """

    id: int
    filename: str
    height: int
    width: int
    boxes: NDArray[np.float64]
    labels: NDArray[np.int64]
    crowd: NDArray[np.bool_]
    areas: NDArray[np.float64]


@dataclass(frozen=True)
class CocoAnnotations:
    """A whole annotation file.

    Attributes:
        path: of the file.
        images: in the order of their numbers.
        classes: names in the order of the labels, which is that of the category numbers.
        category_ids: COCO's number of each label; gaps are usual (1..90 for 80 classes).
        dropped: boxes without area inside their image, which no label stands for.
    """

    path: Path
    images: tuple[CocoImage, ...]
    classes: tuple[str, ...]
    category_ids: tuple[int, ...]
    dropped: int


def is_coco(dataroot: Path) -> bool:
    """Whether a folder looks like a COCO dataset: annotations/instances_*.json."""
    return any((dataroot / "annotations").glob("instances_*.json"))


def annotation_file(dataroot: Path, version: str, split: str) -> Path:
    """Where COCO keeps the boxes of a split such as `val2017` of version 2017.

    Raises:
        DrivetrError: there is no such file.
    """
    require_local(dataroot)
    folder = dataroot / "annotations"
    path = folder / f"instances_{split}.json"
    if "/" not in split and split.endswith(version) and path.is_file():
        return path
    found = sorted(p.stem.removeprefix("instances_") for p in folder.glob("instances_*.json"))
    have = ", ".join(found) or "none"
    raise DrivetrError(
        f"{dataroot} has no split {split!r} of version {version!r}; splits found: {have}"
        " (annotations/instances_SPLIT.json, where SPLIT ends in the version)"
    )


def read_annotations(path: Path) -> CocoAnnotations:
    """Reads and checks an annotation file.

    Raises:
        DrivetrError: no JSON, a list or field that is missing or of another kind, a number that
            stands twice, or an annotation of an image or category that is not there.
    """
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DrivetrError(f"{path}: is not valid JSON ({error}); fetch it again") from error
    tables = {name: _table(content, name, path) for name in ("images", "annotations", "categories")}
    categories = _by_id(tables["categories"], "categories", path)
    images = _by_id(tables["images"], "images", path)
    label_of = {number: label for label, number in enumerate(sorted(categories))}
    rows: dict[int, list[tuple[Any, ...]]] = {number: [] for number in images}
    dropped = 0
    for place, row in enumerate(tables["annotations"]):
        where = f"{path}: annotations[{place}]"
        image = _field(row, "image_id", int, where)
        category = _field(row, "category_id", int, where)
        if image not in images:
            raise DrivetrError(f"{where}: image_id {image} is in no row of images")
        if category not in categories:
            raise DrivetrError(f"{where}: category_id {category} is in no row of categories")
        box = _corners(row, images[image], where)
        crowd = bool(_field(row, "iscrowd", int, where, 0))
        own_area = 0.0 if box is None else (box[2] - box[0]) * (box[3] - box[1])
        area = float(_field(row, "area", (int, float), where, own_area))
        if box is None:  # after the checks, because evaluators read the row all the same
            dropped += 1
            continue
        rows[image].append((box, label_of[category], crowd, area))
    names = {n: _field(row, "name", str, f"{path}: categories") for n, row in categories.items()}
    return CocoAnnotations(
        path,
        tuple(_image(images[number], rows[number], path) for number in sorted(images)),
        tuple(names[number] for number in sorted(names)),
        tuple(sorted(names)),
        dropped,
    )


def _is_finite(value: Any) -> bool:
    """Whether a JSON value is a number that arrays can hold."""
    kind = type(value)
    return (kind is float and math.isfinite(value)) or (kind is int and abs(value) < 2**63)


def _table(content: Any, name: str, path: Path) -> list[Any]:
    table = content.get(name) if isinstance(content, dict) else None
    if not isinstance(table, list):
        raise DrivetrError(f"{path}: field {name!r} is missing or no list; is it COCO's instances?")
    return table


def _field(row: Any, name: str, kind: Any, where: str, default: Any = None) -> Any:
    value = row.get(name, default) if isinstance(row, dict) else None
    number = isinstance(value, int | float)
    if not isinstance(value, kind) or (number and not _is_finite(value)):
        raise DrivetrError(f"{where}: field {name!r} is {value!r}, expected {_told(kind)}")
    return value


def _told(kind: Any) -> str:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    return " or ".join({int: "a whole number", float: "a number", str: "a text"}[k] for k in kinds)


def _by_id(table: list[Any], name: str, path: Path) -> dict[int, Any]:
    rows: dict[int, Any] = {}
    for place, row in enumerate(table):
        number = _field(row, "id", int, f"{path}: {name}[{place}]")
        if number in rows:
            raise DrivetrError(f"{path}: {name}[{place}]: id {number} stands twice")
        rows[number] = row
    return rows


def _corners(row: Any, image: Any, where: str) -> tuple[float, float, float, float] | None:
    """The box within its image; None where nothing of it is left, as in DETR's preparation."""
    box = row.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_finite, box)):
        raise DrivetrError(f"{where}: field 'bbox' is {box!r}, expected [left, top, width, height]")
    height, width = (_field(image, key, int, f"{where}: its image") for key in ("height", "width"))
    left, top = max(0.0, float(box[0])), max(0.0, float(box[1]))
    right, bottom = min(width, box[0] + box[2]), min(height, box[1] + box[3])
    return (left, top, right, bottom) if right > left and bottom > top else None


def _image(row: Any, annotations: list[tuple[Any, ...]], path: Path) -> CocoImage:
    where = f"{path}: image {row['id']}"
    filename = _field(row, "file_name", str, where)
    fault = fault_of_filename(filename)
    if fault is not None:
        raise DrivetrError(f"{where}: file_name {filename!r} {fault}")
    return CocoImage(
        id=row["id"],
        filename=filename,
        height=_field(row, "height", int, where),
        width=_field(row, "width", int, where),
        boxes=np.array([a[0] for a in annotations], np.float64).reshape(-1, 4),
        labels=np.array([a[1] for a in annotations], np.int64),
        crowd=np.array([a[2] for a in annotations], np.bool_),
        areas=np.array([a[3] for a in annotations], np.float64),
    )
