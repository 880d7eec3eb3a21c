"""COCO metrics: equal to pycocotools used by hand, and what wrong results are told."""

import json
import sys

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from drivetr.data.coco.annotations import read_annotations
from drivetr.errors import DrivetrError
from drivetr.evaluation.coco.detection import BACKENDS, NAMES, evaluate_results
from drivetr.evaluation.coco.results import ResultsWriter
from drivetr.structures.detections2d import Detections2D


@pytest.fixture
def truth(coco_real):
    return coco_real / "annotations/instances_val2017.json"


def write_noisy(path, truth, noise, seed=0, crowds=False):
    """The truth, shaken, with random scores and some wrong classes."""
    found = read_annotations(truth)
    rng = np.random.default_rng(seed)
    with ResultsWriter(path, found.category_ids) as writer:
        for image in found.images:
            boxes = image.boxes + rng.normal(0, noise, image.boxes.shape)
            boxes = np.sort(boxes.reshape(-1, 2, 2), axis=1).reshape(-1, 4)
            labels = image.labels.copy()
            wrong = rng.random(len(labels)) < 0.2 * (noise > 0)
            labels[wrong] = rng.integers(0, len(found.classes), wrong.sum())
            scores = torch.from_numpy(rng.random(len(labels)).round(1))  # ties
            keep = ~image.crowd | crowds
            writer.add(
                image.id,
                Detections2D(
                    torch.from_numpy(boxes[keep]), scores[keep], torch.from_numpy(labels[keep])
                ),
            )


def test_equals_pycocotools_by_hand(truth, tmp_path):
    write_noisy(tmp_path / "r.json", truth, noise=6.0)
    metrics = evaluate_results(tmp_path / "r.json", truth)
    coco = COCO(str(truth))
    oracle = COCOeval(coco, coco.loadRes(str(tmp_path / "r.json")), "bbox")
    oracle.evaluate()
    oracle.accumulate()
    oracle.summarize()
    assert [metrics[name] for name in NAMES] == oracle.stats.tolist()
    assert 0.1 < metrics["AP"] < 0.9
    assert np.mean(list(metrics["class_AP"].values())) == pytest.approx(metrics["AP"], abs=1e-12)


@pytest.mark.parametrize("split", ["train2017", "val2017"])
@pytest.mark.parametrize("some", [None, 16])
def test_both_backends_give_the_same_numbers(coco_real, tmp_path, split, some):
    """Both splits have crowds, which detections inside them are not held against."""
    pytest.importorskip("faster_coco_eval")
    truth = coco_real / f"annotations/instances_{split}.json"
    images = read_annotations(truth).images
    assert sum(int(image.crowd.sum()) for image in images) >= 3
    write_noisy(tmp_path / "r.json", truth, noise=6.0, crowds=True)
    ids = [image.id for image in images][:some]
    slow, fast = (
        evaluate_results(tmp_path / "r.json", truth, ids, backend) for backend in BACKENDS
    )
    assert fast.pop("class_AP") == pytest.approx(slow.pop("class_AP"), abs=1e-12)
    assert fast == pytest.approx(slow, abs=1e-12)
    assert 0.1 < slow["AP"] < 0.9


def test_both_backends_take_no_detections_at_all(truth, tmp_path):
    pytest.importorskip("faster_coco_eval")
    (tmp_path / "r.json").write_text("[]")
    fast = evaluate_results(tmp_path / "r.json", truth, backend="faster-coco-eval")
    assert fast == evaluate_results(tmp_path / "r.json", truth)


def test_a_backend_that_is_not_installed(truth, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "faster_coco_eval", None)
    with pytest.raises(DrivetrError, match=r"-e '\.\[faster-coco-eval\]'"):
        evaluate_results(tmp_path / "r.json", truth, backend="faster-coco-eval")


def test_labels_that_mean_no_category_are_left_out(tmp_path):
    boxes, scores = torch.tensor([[0.0, 0, 2, 2], [0, 0, 3, 3]]), torch.tensor([0.9, 0.8])
    with ResultsWriter(tmp_path / "r.json", (None, 7)) as writer:
        writer.add(5, Detections2D(boxes, scores, torch.tensor([0, 1])))
    row, *others = json.loads((tmp_path / "r.json").read_text())
    assert (row["category_id"], row["bbox"], others) == (7, [0, 0, 3, 3], [])


def test_the_truth_is_perfect(truth, tmp_path):
    write_noisy(tmp_path / "r.json", truth, noise=0.0)
    assert evaluate_results(tmp_path / "r.json", truth)["AP"] == pytest.approx(1.0, abs=0.01)


def test_no_detections_at_all(truth, tmp_path):
    (tmp_path / "r.json").write_text("[]")
    assert evaluate_results(tmp_path / "r.json", truth)["AP"] == 0


def test_some_images_only(truth, tmp_path):
    write_noisy(tmp_path / "r.json", truth, noise=6.0)
    ids = [image.id for image in read_annotations(truth).images]
    some = evaluate_results(tmp_path / "r.json", truth, ids[:5])
    assert some["AP"] != evaluate_results(tmp_path / "r.json", truth)["AP"]
    with pytest.raises(DrivetrError, match="has no image 1; choose images of this split"):
        evaluate_results(tmp_path / "r.json", truth, [1])


ROW = {"category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"image_id": "1"}, "image_id is '1', expected a whole number"),
        ({"image_id": [1]}, r"image_id is \[1\], expected a whole number"),
        ({"score": 10**400}, "expected a finite number"),
        ({"category_id": 12}, "category_id 12 is not in"),
        ({"bbox": [1, 2, 3]}, r"bbox is \[1, 2, 3\], expected four"),
        ({"bbox": [1, 2, float("inf"), 4]}, "expected four finite numbers"),
        ({"bbox": [1, 2, -3, 4]}, "negative width or height"),
        ({"score": float("nan")}, "score is nan, expected a finite number"),
        ({"score": None}, "score is None"),
    ],
)
def test_wrong_rows(truth, tmp_path, change, told):
    row = ROW | {"image_id": read_annotations(truth).images[0].id} | change
    (tmp_path / "r.json").write_text(json.dumps([row]))
    with pytest.raises(DrivetrError, match=rf"results\[0\]: .*{told}"):
        evaluate_results(tmp_path / "r.json", truth)


def test_images_of_another_split(truth, tmp_path):
    rows = [ROW | {"image_id": number} for number in (9, 1, 2, 3, 4, 5, 9)]
    (tmp_path / "r.json").write_text(json.dumps(rows))
    with pytest.raises(DrivetrError, match="image_id 1, 2, 3, 4, 5 and 1 more of the results are"):
        evaluate_results(tmp_path / "r.json", truth)


def test_a_writer_is_used_in_its_block(tmp_path):
    writer = ResultsWriter(tmp_path / "r.json", (1,))
    with pytest.raises(ValueError, match="outside of its `with` block"):
        writer.add(1, Detections2D(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0).long()))


@pytest.mark.parametrize(
    ("text", "told"),
    [("{}", "expected COCO's list"), ("[", "valid JSON"), ("[" * 100_000, "valid JSON")],
)
def test_wrong_files(truth, tmp_path, text, told):
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(DrivetrError, match=told):
        evaluate_results(tmp_path / "r.json", truth)
    with pytest.raises(DrivetrError, match="do not exist"):
        evaluate_results(tmp_path / "none.json", truth)


def test_nothing_is_written_when_the_block_fails(tmp_path):
    with pytest.raises(KeyError), ResultsWriter(tmp_path / "r.json", (1,)):
        raise KeyError
    assert list(tmp_path.iterdir()) == []
