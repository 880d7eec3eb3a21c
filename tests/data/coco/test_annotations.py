"""COCO's annotation files against pycocotools, and what a wrong file is told."""

import json

import numpy as np
import pytest
from pycocotools.coco import COCO

from drivetr.data.coco.annotations import annotation_file, read_annotations
from drivetr.errors import DrivetrError

CONTENT = {
    "images": [
        {"id": 7, "file_name": "b.jpg", "height": 40, "width": 60},
        {"id": 3, "file_name": "a.jpg", "height": 30, "width": 50},
    ],
    "annotations": [
        {
            "id": 1,
            "image_id": 7,
            "category_id": 9,
            "bbox": [5, 6, 10, 12],
            "iscrowd": 0,
            "area": 99,
        },
        {"id": 2, "image_id": 7, "category_id": 2, "bbox": [-5, 30, 20, 20], "iscrowd": 1},
        {"id": 4, "image_id": 7, "category_id": 2, "bbox": [8, 8, 0, 5]},
    ],
    "categories": [{"id": 9, "name": "dog"}, {"id": 2, "name": "car"}],
}


@pytest.fixture
def write(tmp_path):
    def written(content):
        path = tmp_path / "instances_val2017.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return written


def test_order_gaps_crowds_edges_and_empty_images(write):
    found = read_annotations(write(CONTENT))
    assert found.classes == ("car", "dog")
    assert found.category_ids == (2, 9)
    assert found.dropped == 1
    empty, full = found.images
    assert (empty.id, empty.filename, len(empty.labels)) == (3, "a.jpg", 0)
    assert empty.boxes.shape == (0, 4)
    assert full.labels.tolist() == [1, 0]
    assert full.boxes.tolist() == [[5, 6, 15, 18], [0, 30, 15, 40]]
    assert full.crowd.tolist() == [False, True]
    assert full.areas.tolist() == [99, 150]


# A box without area in its image: no label stands for it, but evaluators read its row.
OUTSIDE = {**CONTENT["annotations"][0], "bbox": [10_000, 2, 3, 4]}


def change(path, value):
    content = json.loads(json.dumps(CONTENT))
    *way, last = path
    node = content
    for key in way:
        node = node[key]
    node[last] = value
    return content


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[{", "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        ({"images": []}, "field 'annotations' is missing or no list"),
        (change(("images", 1, "id"), 7), r"images\[1\]: id 7 stands twice"),
        (change(("images", 0, "file_name"), "../x.jpg"), "file_name '../x.jpg' climbs with"),
        (change(("images", 0, "height"), "40"), "'height' is '40', expected a whole number"),
        (change(("annotations", 0, "image_id"), 8), r"annotations\[0\]: image_id 8 is in no row"),
        (change(("annotations", 0, "category_id"), 1), "category_id 1 is in no row of categories"),
        (change(("annotations", 0, "bbox"), [1, 2, 3]), r"'bbox' is \[1, 2, 3\], expected \[left"),
        (change(("annotations", 0, "bbox"), [1, 2, 3, float("nan")]), "'bbox' is"),
        (change(("annotations", 0, "bbox"), [1, 2, 3, 10**400]), "'bbox' is"),
        (change(("annotations", 0, "area"), 10**400), "'area' is 1000"),
        (
            change(("annotations", 0), {**OUTSIDE, "iscrowd": float("nan")}),
            "'iscrowd' is nan, expected a whole number",
        ),
        (change(("images", 0, "height"), True), "'height' is True, expected a whole number"),
    ],
)
def test_what_a_wrong_file_is_told(write, content, told):
    with pytest.raises(DrivetrError, match=told):
        read_annotations(write(content))


def test_splits_of_a_dataroot(tmp_path):
    (tmp_path / "annotations").mkdir()
    path = tmp_path / "annotations/instances_val2017.json"
    path.touch()
    assert annotation_file(tmp_path, "2017", "val2017") == path
    for version, split in (("2017", "train2017"), ("2014", "val2017"), ("2017", "../val2017")):
        with pytest.raises(DrivetrError, match="splits found: val2017"):
            annotation_file(tmp_path, version, split)


@pytest.mark.parametrize("split", ["train2017", "val2017"])
def test_equals_pycocotools_on_real_files(coco_real, split):
    path = annotation_file(coco_real, "2017", split)
    found, oracle = read_annotations(path), COCO(str(path))
    assert [image.id for image in found.images] == sorted(oracle.imgs)
    assert list(found.category_ids) == sorted(oracle.cats)
    assert found.dropped == 0
    for image in found.images:
        rows = oracle.loadAnns(oracle.getAnnIds([image.id]))
        assert [found.category_ids[label] for label in image.labels] == [
            row["category_id"] for row in rows
        ]
        assert image.crowd.tolist() == [bool(row["iscrowd"]) for row in rows]
        boxes = np.array([row["bbox"] for row in rows]).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        np.testing.assert_allclose(image.boxes, boxes, atol=0.02)
