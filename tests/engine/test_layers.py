"""AP by decoder layer: a stand-in detector that says known boxes, and NMS by brute force."""

import random

import pytest
import torch
from torch import nn
from torchvision.ops import box_iou

from drivetr.engine.api import load_detector
from drivetr.engine.layers import format_layers, score_layers, suppressed
from drivetr.structures.detections2d import Detections2D
from tests.engine.small_detr import write_checkpoint, write_set


class Oracle(nn.Module):
    """Says the truth of the images in turn: twice in the first layer, once in the last."""

    def __init__(self, targets: list) -> None:
        super().__init__()
        self.targets = iter(targets)

    def forward(self, images, padding_mask):
        layers = []
        for _ in images:
            target = next(self.targets)
            layers.append([self.say(target, copies) for copies in (2, 1)])
        first, last = (
            {key: torch.stack([image[i][key] for image in layers]) for key in layers[0][0]}
            for i in range(2)
        )
        return {**last, "aux_outputs": [first]}

    @staticmethod
    def say(target, copies: int) -> dict[str, torch.Tensor]:
        logits, boxes = torch.zeros(12, 5), torch.full((12, 4), 0.5)
        logits[:, -1] = 20.0
        for index in range(len(target) * copies):
            box, label = target.boxes[index % len(target)], target.labels[index % len(target)]
            shift = 0.01 * (index >= len(target))  # the copy lies a little aside
            logits[index] = 0
            logits[index, label] = 8.0 - random.random()
            boxes[index] = box + torch.tensor([shift, 0, 0, 0])
        return {"pred_logits": logits, "pred_boxes": boxes}


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layers")
    loaded = load_detector(write_checkpoint(folder / "run"), "cpu")
    names = (str(write_set(folder / "set")), "shapes", "val_shapes")
    targets = [loaded.dataset(*names)[i].targets for i in range(6)]
    random.seed(0)
    object.__setattr__(loaded, "detector", Oracle(targets))
    return score_layers(loaded, names)


def test_the_truth_is_worth_one_and_nms_takes_nothing(rows):
    assert [row.layer for row in rows] == [1, 2]
    assert rows[1].AP == rows[1].AP50 == pytest.approx(1.0)
    assert rows[1].AP_nms == rows[1].AP50_nms == pytest.approx(1.0)


def test_nms_mends_what_is_said_twice(rows):
    assert rows[0].AP50 < 0.95
    assert rows[0].AP50_nms == pytest.approx(1.0)
    assert rows[0].AP_nms > rows[0].AP


def test_the_table(rows):
    lines = format_layers(rows).splitlines()
    assert len(lines) == 4
    assert lines[-1] == "| 2 | 1.000 | 1.000 | 1.000 | 1.000 |"


def test_nms_is_greedy_within_a_class():
    torch.manual_seed(0)
    corners = torch.rand(60, 2) * 50
    found = Detections2D(
        torch.cat([corners, corners + 5 + torch.rand(60, 2) * 20], 1),
        torch.rand(60),
        torch.randint(3, (60,)),
    )
    overlap = box_iou(found.boxes, found.boxes)
    kept: list[int] = []
    for index in found.scores.argsort(descending=True).tolist():
        rivals = [k for k in kept if found.labels[k] == found.labels[index]]
        if all(overlap[k, index] <= 0.5 for k in rivals):
            kept.append(index)
    assert 5 < len(kept) < 60
    got = suppressed(found, 0.5)
    assert torch.equal(got.boxes, found.boxes[kept])
    assert torch.equal(got.scores, found.scores[kept])
    assert torch.equal(got.labels, found.labels[kept])
