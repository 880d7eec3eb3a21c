"""Writes a COCO folder of a few drawn images, with everything that a real one has in it."""

import json
from pathlib import Path

import torch
from torchvision.io import write_jpeg, write_png

CATEGORIES = {2: "block", 5: "bar", 90: "spot"}  # with gaps, as COCO's numbers have
_COLOURS = {2: (220, 40, 40), 5: (40, 220, 40), 90: (40, 40, 220)}
# image id, height, width, objects (category, left, top, width, height, crowd)
IMAGES = [
    (3, 48, 64, [(2, 4, 6, 20, 30, 0), (5, 36, 10, 24, 8, 0)]),
    (7, 64, 40, [(90, 10, 20, 12, 12, 0)]),
    (8, 50, 50, []),
    (11, 48, 64, [(2, 2, 2, 30, 20, 0), (5, 30, 30, 32, 16, 1)]),
    (12, 48, 64, [(90, 40, 8, 20, 20, 0)]),
    (40, 40, 60, [(5, 6, 6, 40, 10, 0)]),
]


def write_small_coco(root: Path, splits: tuple[str, ...] = ("train2017", "val2017")) -> Path:
    """Six images a split, in rows that are not in the order of their numbers; image 7 is grey."""
    (root / "annotations").mkdir(parents=True)
    for split in splits:
        (root / split).mkdir()
        rows, annotations = [], []
        for number, height, width, objects in reversed(IMAGES):
            image = torch.full((3, height, width), 90, dtype=torch.uint8)
            for category, left, top, across, down, crowd in objects:
                colour = torch.tensor(_COLOURS[category], dtype=torch.uint8)[:, None, None]
                image[:, top : top + down, left : left + across] = colour
                annotations.append(
                    {
                        "id": len(annotations) + 1, "image_id": number, "category_id": category,
                        "bbox": [left, top, across, down], "area": across * down, "iscrowd": crowd,
                        "segmentation": {"size": [height, width], "counts": [height * width]}
                        if crowd else [],
                    }
                )  # fmt: skip
            name = f"{number:012}.{'png' if number == 7 else 'jpg'}"
            if number == 7:
                write_png(image[:1], str(root / split / name))
            else:
                write_jpeg(image, str(root / split / name), quality=95)
            rows.append({"id": number, "file_name": name, "height": height, "width": width})
        content = {
            "images": rows,
            "annotations": annotations,
            "categories": [{"id": n, "name": name} for n, name in reversed(CATEGORIES.items())],
        }
        (root / f"annotations/instances_{split}.json").write_text(json.dumps(content))
    return root
