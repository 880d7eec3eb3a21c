"""Writes the set of coloured shapes as COCO writes its sets: pictures and annotation files."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from drivetr.data.png_file import write_png
from drivetr.data.shapes.draw import SHAPES, Picture, draw_picture
from drivetr.data.synth.folder import holds, whole_folder

FORMAT = 1  # raised when the same recipe gives other bytes
VERSION = "shapes"


@dataclass(frozen=True)
class ShapesRecipe:
    """What fully determines a set.

    Attributes:
        train: number of pictures of `train_shapes`.
        val: number of pictures of `val_shapes`.
        size: height and width of the pictures.
        most: largest number of shapes in a picture.
        seed: of everything.
    """

    train: int
    val: int
    size: int = 64
    most: int = 5
    seed: int = 0


def write_shapes(recipe: ShapesRecipe, out: Path) -> bool:
    """Writes the set to `out`; returns False when the same set is there already.

    Raises:
        DrivetrError: `out` is a file or holds something else.
    """
    out = out.absolute()
    described = {"format": FORMAT, "kind": VERSION, **asdict(recipe)}
    if holds(out, described):
        return False
    with whole_folder(out, described) as folder:
        (folder / "annotations").mkdir()
        for number, (name, count) in enumerate((("train", recipe.train), ("val", recipe.val))):
            _write_split(recipe, (number, count), folder, f"{name}_{VERSION}")
    return True


def _write_split(recipe: ShapesRecipe, part: tuple[int, int], folder: Path, split: str) -> None:
    """One split; `part` is its number, which goes into the seeds, and its count of pictures."""
    number, count = part
    (folder / split).mkdir()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index in tqdm(range(count), desc=split, unit="picture"):
        rng = np.random.default_rng([recipe.seed, number, index])
        picture = draw_picture(rng, recipe.size, recipe.most)
        name = f"{index + 1:012d}.png"
        write_png(folder / split / name, picture.image)
        size = {"height": recipe.size, "width": recipe.size}
        images.append({"id": index + 1, "file_name": name, **size})
        annotations += _rows(picture, index + 1, len(annotations) + 1)
    categories = [{"id": i + 1, "name": shape} for i, shape in enumerate(SHAPES)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    path = folder / "annotations" / f"instances_{split}.json"
    path.write_text(json.dumps(content), encoding="utf-8")


def _rows(picture: Picture, image_id: int, first_id: int) -> list[dict[str, Any]]:
    """COCO's rows of the shapes of a picture; the area is that of the box."""
    rows = []
    for place, (box, label) in enumerate(zip(picture.boxes, picture.labels, strict=True)):
        left, top, right, bottom = box.round(3).tolist()
        width, height = round(right - left, 3), round(bottom - top, 3)
        row: dict[str, Any] = {
            "id": first_id + place,
            "image_id": image_id,
            "category_id": int(label) + 1,
        }
        row |= {"bbox": [left, top, width, height], "area": width * height, "iscrowd": 0}
        rows.append(row)
    return rows
