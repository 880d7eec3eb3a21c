"""Rows 65 and 66: COCO's annotations and results, judged by pycocotools itself."""

import contextlib
import copy
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from drivetr.evaluation.coco.detection import NAMES
from tests.data.coco.small import write_small_coco
from tests.reliability.command import TINY_COCO, accepted, refused, training

Content = dict[str, Any]
FOUND = [
    {"image_id": 3, "category_id": 2, "bbox": [4, 6, 20, 30], "score": 0.9},
    {"image_id": 11, "category_id": 5, "bbox": [30, 30, 32, 16], "score": 0.8},
    {"image_id": 11, "category_id": 2, "bbox": [3, 2, 30, 20], "score": 0.7},
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_small_coco(tmp_path / "coco")


def annotations(root: Path, split: str = "val2017") -> Path:
    return root / f"annotations/instances_{split}.json"


def evaluate(root: Path, rows: object, *more: str | Path) -> list[str | Path]:
    results = root.parent / "results.json"
    results.write_text(json.dumps(rows))
    return ["evaluate", results, "--dataroot", root, "--version", "2017", "--split", "val2017",
            *more]  # fmt: skip


def by_pycocotools(content: Content) -> list[float]:
    """The twelve numbers of a dataset in good order."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = copy.deepcopy(content)
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(copy.deepcopy(FOUND)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(number) for number in evaluation.stats]


def each(change: Callable[[Content], object]) -> Callable[[Content], None]:
    """A change of every annotation."""
    return lambda content: [change(row) for row in content["annotations"]] and None


def first(**fields: Any) -> Callable[[Content], None]:
    """A change of the first annotation."""
    return lambda content: content["annotations"][0].update(fields)


def unchanged(content: Content) -> None:
    """The file as it was."""


# What is done to the annotations, and the file in good order that means the same.
HANDLED = {
    "gaps between categories, crowds": (unchanged, unchanged),
    "malformed RLE": (each(lambda a: a.update(segmentation={"counts": "!", "size": [0]})),) * 2,
    "segmentation that is a text": (each(lambda a: a.update(segmentation="none")), unchanged),
    "no segmentation": (each(lambda a: a.pop("segmentation")), unchanged),
    "box of negative width": (first(bbox=[9, 9, -4, 3]),) * 2,
    "box of no height": (first(bbox=[9, 9, 4, 0]),) * 2,
    "no crowd field": (each(lambda a: a.pop("iscrowd")), each(lambda a: a.update(iscrowd=0))),
    "no area": (each(lambda a: a.pop("area")), unchanged),
    "no number": (each(lambda a: a.pop("id")), unchanged),
    "one number for all": (each(lambda a: a.update(id=7)), unchanged),
    # pycocotools takes number 0 of a matched box for none.
    "numbers from 0": (each(lambda a: a.update(id=a["id"] - 1)), unchanged),
}
REFUSED: dict[str, tuple[Callable[[Content], None], str]] = {
    "image twice": (lambda c: c["images"].append(c["images"][0]), "images[6]: id 40 stands twice"),
    "category twice": (lambda c: c["categories"].append(c["categories"][0]), "id 90 stands twice"),
    "box of three numbers": (first(bbox=[1, 2, 3]), "annotations[0]: field 'bbox' is [1, 2, 3]"),
    "box that is not finite": (first(bbox=[1, 2, 3, math.nan]), "annotations[0]: field 'bbox'"),
    "image that is not there": (first(image_id=4), "annotations[0]: image_id 4 is in no row"),
    "category in a gap": (first(category_id=3), "annotations[0]: category_id 3 is in no row"),
}
NO_RESULTS = "no results at all"


@pytest.mark.parametrize("fault", [*HANDLED, *REFUSED, NO_RESULTS])
def test_row_65_broken_annotations_and_no_results(root: Path, tmp_path: Path, fault: str):
    out = tmp_path / "metrics.json"
    sound = json.loads(annotations(root).read_text())
    change, repaired = HANDLED.get(fault, (REFUSED.get(fault, (unchanged,))[0], unchanged))
    broken = copy.deepcopy(sound)
    change(broken)
    for split in ("train2017", "val2017"):
        annotations(root, split).write_text(json.dumps(broken))
    rows = [] if fault == NO_RESULTS else FOUND
    one_step = ("--cfg-options", "schedule.iterations=1")
    train = training(TINY_COCO, tmp_path / "run", "--dataroot", root, *one_step)
    if fault in REFUSED:
        for path, command in (
            (annotations(root), evaluate(root, rows, "--out", out)),
            (annotations(root, "train2017"), train),
        ):
            said = refused(*command)
            assert str(path) in said
            assert REFUSED[fault][1] in said
        assert not out.exists()
        return
    accepted(*train)
    accepted(*evaluate(root, rows, "--out", out))
    metrics = json.loads(out.read_text())
    numbers = [metrics[name] for name in NAMES]
    repaired(sound)
    if fault == NO_RESULTS:
        assert metrics["AP"] == metrics["AR_100"] == 0.0
        assert metrics["AP_large"] == by_pycocotools(sound)[NAMES.index("AP_large")] == -1.0
    else:
        assert numbers == by_pycocotools(sound)
        assert numbers[0] > 0


def test_row_66_results_for_other_images(root: Path, tmp_path: Path):
    out = tmp_path / "metrics.json"
    rows = [*FOUND, *(FOUND[0] | {"image_id": number} for number in (998, 999, 998))]
    said = refused(*evaluate(root, rows, "--out", out))
    assert "results.json: image_id 998, 999 of the results are not in the annotations" in said
    assert "which have 6 images; are they of another split?" in said
    for strange in ("3", [3], None, 3.5):
        said = refused(*evaluate(root, [FOUND[0] | {"image_id": strange}], "--out", out))
        assert f"results[0]: image_id is {strange!r}, expected a whole number" in said
    assert not out.exists()
