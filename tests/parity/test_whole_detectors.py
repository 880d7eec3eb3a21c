"""Image in, boxes out: real keyframes through whole detectors to submissions the devkit judges.

The weights are random. Where the truth is to come out, the last networks of the head are replaced
by answers that are computed from the ground truth through the inverse path: metres to fractions of
the range to logits, minus the reference point that the decoder arrived at, velocities to what the
object moves between two images, in the published order of columns. Every conversion on the way to
the submission must then be exact.
"""

import json

import pytest
import torch
from torch import Tensor, nn

from drivetr.data.nuscenes.dataset import NuScenesDataset
from drivetr.data.nuscenes.index import NuScenesIndex, open_index
from drivetr.data.nuscenes.past import PastImages
from drivetr.data.transforms import ObjectRange, ResizeCropFlip
from drivetr.evaluation.nuscenes.detection import evaluate_submission
from drivetr.evaluation.nuscenes.submission import write_submission
from drivetr.geometry.box_codes import code_from_boxes
from drivetr.geometry.boxes import CENTER, VELOCITY
from drivetr.models.box_head import BoxHead
from drivetr.models.postprocess import TopKPostprocess
from drivetr.models.velocity import elapsed_seconds
from drivetr.nn.ranges import Range3D, inverse_sigmoid, unit_from_metres
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.structures.frame import Batch, Targets, collate_frames
from tests.models import test_multi_view, test_petrv2, test_streampetr

SPAN = (-61.2, -61.2, -10.0, 61.2, 61.2, 10.0)
QUERIES = 100
SPLIT = "mini_val"
DETECTORS = {
    "detr3d": (test_multi_view, "detr3d"),
    "petr": (test_multi_view, "frustum"),
    "petrv2": (test_petrv2, "published"),
    "streampetr": (test_streampetr, "petr"),
    "repdetr3d": (test_streampetr, "sampled"),
}


IN_TIME = {"petrv2"}  # look at past images too


@pytest.fixture(params=DETECTORS)
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def index(nuscenes_real, tmp_path_factory) -> NuScenesIndex:
    return open_index(nuscenes_real, "v1.0-mini", out_dir=tmp_path_factory.mktemp("index"))


@pytest.fixture
def batch(index, name) -> Batch:
    transforms = [ObjectRange(SPAN), ResizeCropFlip((96, 256))]
    past = PastImages(first=14, end=15) if name in IN_TIME else None
    dataset = NuScenesDataset(index, SPLIT, transforms, past=past)
    return collate_frames([dataset[i] for i in range(len(dataset))])


@pytest.fixture
def detector(name, monkeypatch) -> nn.Module:
    module, kind = DETECTORS[name]
    monkeypatch.setattr(module, "SPAN", SPAN)
    monkeypatch.setattr(module, "LEARNED", QUERIES)
    return module.build(kind)


class Answer(nn.Module):
    """Says the same whatever it is asked."""

    def __init__(self, raw: Tensor) -> None:
        super().__init__()
        self.raw = raw

    def forward(self, query: Tensor) -> Tensor:
        return self.raw


def raw_answers(
    targets: list[Targets],
    reference: Tensor,
    head: BoxHead,
    span: Range3D,
    elapsed_s: Tensor,
) -> tuple[Tensor, Tensor]:
    """Logits and box codes with which the first queries say the truth and all others nothing."""
    batch, queries = reference.shape[:2]
    logits = torch.full((batch, queries, len(DETECTION_CLASSES)), -20.0)
    codes = torch.zeros(batch, queries, 10)
    for i, truth in enumerate(targets):
        count = len(truth)
        logits[i, torch.arange(count), truth.labels] = 5.0
        boxes = truth.boxes.clone()
        boxes[:, VELOCITY] = boxes[:, VELOCITY].nan_to_num() * elapsed_s[i]
        wanted = inverse_sigmoid(unit_from_metres(boxes[:, CENTER], span))
        boxes[:, CENTER] = wanted - inverse_sigmoid(reference[i, :count])
        codes[i, :count] = code_from_boxes(boxes, head.code)
    return logits, codes


@torch.no_grad()
def outputs_of_truth(detector: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """What the detector says when its last layer answers with the truth."""
    seen = getattr(detector, "detector", detector)
    head, references = seen.head, []
    with head.register_forward_pre_hook(lambda _, arguments: references.append(arguments[2])):
        detector(*batch.inputs)
    cameras = batch.cameras
    elapsed_s = (
        torch.ones(len(cameras.valid)) if head.velocity is None else elapsed_seconds(cameras)
    )
    logits, codes = raw_answers(batch.targets, references[-1], head, seen.span, elapsed_s)
    head.classify[-1], head.regress[-1] = Answer(logits), Answer(codes)
    return detector(*batch.inputs)[0]


def judged(found, batch: Batch, dataroot, path) -> dict:
    rows = {
        frame.token: (detections, frame.global_from_lidar, frame.ego_from_lidar)
        for frame, detections in zip(batch.frames, found, strict=True)
    }
    write_submission(path, rows, DETECTION_CLASSES)
    return evaluate_submission(path, dataroot, "v1.0-mini", SPLIT)


def test_truth_through_the_inverse_path_is_a_perfect_submission(
    detector, batch, nuscenes_real, tmp_path
):
    assert all(10 < len(truth) <= QUERIES for truth in batch.targets)
    postprocess = TopKPostprocess(QUERIES, SPAN, 0.5)
    found = postprocess(outputs_of_truth(detector, batch))
    for detections, truth in zip(found, batch.targets, strict=True):
        assert len(detections) == len(truth)
        near = torch.cdist(truth.boxes[:, CENTER], detections.boxes[:, CENTER]).argmin(1)
        paired = detections[near]
        assert torch.equal(paired.labels, truth.labels)
        expected = truth.boxes.nan_to_num()
        torch.testing.assert_close(paired.boxes, expected, atol=1e-3, rtol=1e-4)
    metrics = judged(found, batch, nuscenes_real, tmp_path / "results.json")
    for name, count in metrics["drivetr"]["num_truth"].items():
        assert metrics["mean_dist_aps"][name] == pytest.approx(float(count > 0), abs=1e-9)
        if count:
            errors = metrics["label_tp_errors"][name]
            for error in ("trans_err", "scale_err", "orient_err", "vel_err"):
                assert not errors[error] > 1e-3  # NaN where a class has no such error


@torch.no_grad()
def test_random_weights_give_a_submission_that_follows_the_images(
    detector, batch, nuscenes_real, tmp_path
):
    outputs, _ = detector(*batch.inputs)
    path = tmp_path / "results.json"
    metrics = judged(TopKPostprocess()(outputs), batch, nuscenes_real, path)
    assert 0 <= metrics["nd_score"] < 0.1
    results = json.loads(path.read_text())["results"]
    assert set(results) == {frame.token for frame in batch.frames}
    assert all(rows for rows in results.values())
    blank, _ = detector(torch.full_like(batch.images, 114), *batch.inputs[1:])
    assert not torch.equal(blank["pred_boxes"], outputs["pred_boxes"])
