"""Classical detectors against torchvision's own, called directly with the same weights."""

import copy

import pytest
import torch
from torch import nn
from torchvision.models import detection
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.fcos import FCOSHead
from torchvision.ops import MultiScaleRoIAlign, box_iou

from drivetr.models.classical_outputs import DiskPixels
from drivetr.models.faster_rcnn import FasterRCNN
from drivetr.models.fcos import FCOS
from drivetr.nn.backbones.tiny_resnet import TinyResNet
from drivetr.nn.necks.fpn import FPN
from drivetr.structures.targets2d import Targets2D

CLASSES, CHANNELS, SIZES = 5, (32, 32, 64), ((48, 64), (64, 40))
ANCHORS = ((8, 12), (24, 36), (48, 60))


def parts() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    backbone = TinyResNet(channels=CHANNELS, num_blocks=1, num_outs=3, group_norm=True)
    return backbone, FPN(CHANNELS, 32)


def faster_rcnn() -> FasterRCNN:
    return FasterRCNN(*parts(), CLASSES, ANCHORS, 24, 16, score_threshold=0.0)


def fcos() -> FCOS:
    return FCOS(*parts(), CLASSES, (4, 8, 16), num_convs=1, score_threshold=0.0)


class Trunk(nn.Module):
    """The same trunk, for torchvision's constructors."""

    out_channels = 32

    def __init__(self, backbone: nn.Module, neck: nn.Module) -> None:
        super().__init__()
        self.backbone, self.neck = backbone, neck

    def forward(self, images):
        return {str(i): m for i, m in enumerate(self.neck(self.backbone(images)))}


def raw_faster_rcnn(**transform) -> nn.Module:
    return detection.FasterRCNN(
        Trunk(*parts()), rpn_anchor_generator=AnchorGenerator(ANCHORS, ((0.5, 1.0, 2.0),) * 3),
        box_roi_pool=MultiScaleRoIAlign(["0", "1", "2"], 7, 2), box_head=TwoMLPHead(32 * 49, 24),
        box_predictor=FastRCNNPredictor(24, CLASSES + 1), box_batch_size_per_image=16,
        box_score_thresh=0.0, **transform,
    )  # fmt: skip


def raw_fcos(**transform) -> nn.Module:
    return detection.FCOS(
        Trunk(*parts()), CLASSES,
        anchor_generator=AnchorGenerator(((4,), (8,), (16,)), ((1.0,),) * 3),
        head=FCOSHead(32, 1, CLASSES, 1), score_thresh=0.0, **transform,
    )  # fmt: skip


# Ours, torchvision's own, its label of our first class.
KINDS = {"faster_rcnn": (faster_rcnn, raw_faster_rcnn, 1), "fcos": (fcos, raw_fcos, 0)}
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


@pytest.fixture
def pictures():
    generator = torch.Generator().manual_seed(1)
    return [torch.rand(3, *size, generator=generator) for size in SIZES]


@pytest.fixture
def targets():
    """Shares of the images; the second one has a box without area, which nobody can learn."""
    return [
        Targets2D(torch.tensor([[0.5, 0.5, 0.5, 0.5], [0.2, 0.3, 0.3, 0.4]]), torch.tensor([0, 4])),
        Targets2D(torch.tensor([[0.4, 0.6, 0.6, 0.3], [0.5, 0.5, 0.0, 0.2]]), torch.tensor([2, 1])),
    ]


def batch(pictures) -> tuple[torch.Tensor, torch.Tensor]:
    """Normalised and padded."""
    images, mask = torch.zeros(2, 3, 64, 64), torch.ones(2, 64, 64, dtype=torch.bool)
    mean, std = (torch.tensor(x)[:, None, None] for x in (MEAN, STD))
    for n, picture in enumerate(pictures):
        rows, columns = picture.shape[1:]
        images[n, :, :rows, :columns] = (picture - mean) / std
        mask[n, :rows, :columns] = False
    return images, mask


def pixels(targets, first_label):
    """torchvision's form, written out: corners in pixels."""
    theirs = []
    for target, (rows, columns) in zip(targets, SIZES, strict=True):
        boxes, labels = [], []
        for (x, y, w, h), label in zip(target.boxes.tolist(), target.labels.tolist(), strict=True):
            if w > 0 and h > 0:
                corners = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
                boxes.append([c * s for c, s in zip(corners, (columns, rows) * 2, strict=True)])
                labels.append(label + first_label)
        theirs.append({"boxes": torch.tensor(boxes), "labels": torch.tensor(labels)})
    return theirs


def twins(kind: str) -> tuple[nn.Module, list[nn.Module], int]:
    """Ours; and torchvision's for each image, which resizes to the size that the image has."""
    ours, raw, first = KINDS[kind]
    model = ours()
    theirs = []
    for rows, columns in SIZES:
        sizes = dict(min_size=min(rows, columns), max_size=max(rows, columns))
        twin = raw(**sizes, image_mean=MEAN, image_std=STD)
        twin.load_state_dict(copy.deepcopy(model.network.state_dict()))
        theirs.append(twin)
    return model, theirs, first


@pytest.mark.parametrize("kind", KINDS)
def test_same_losses(kind, pictures, targets):
    model, theirs, first = twins(kind)
    images, mask = batch(pictures)
    for n, raw in enumerate(theirs):
        rows, columns = SIZES[n]
        torch.manual_seed(3)  # both draw the same examples
        torch.rand(1)  # which torchvision does before, to choose among sizes of the image
        got = model.train()(images[n : n + 1], mask[n : n + 1], targets=targets[n : n + 1])
        torch.manual_seed(3)
        expected = raw.train()([pictures[n]], pixels(targets, first)[n : n + 1])
        assert got.keys() == expected.keys()
        for name, loss in got.items():
            torch.testing.assert_close(loss, expected[name], atol=1e-5, rtol=1e-4)
        assert all(loss.item() > 0 for loss in got.values())


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_same_detections(kind, pictures):
    model, theirs, first = twins(kind)
    images, mask = batch(pictures)
    outputs = model.eval()(images, mask)
    disk = torch.tensor([(2 * rows, 3 * columns) for rows, columns in SIZES])
    for n, (raw, found) in enumerate(zip(theirs, DiskPixels()(outputs, disk), strict=True)):
        expected = raw.eval()([pictures[n]])[0]
        assert len(found) == len(expected["boxes"]) > 0
        torch.testing.assert_close(found.scores, expected["scores"], atol=1e-5, rtol=0)
        assert torch.equal(found.labels, expected["labels"] - first)
        larger = expected["boxes"] * torch.tensor([3, 2, 3, 2])
        torch.testing.assert_close(found.boxes, larger, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_images_without_objects(kind, pictures):
    empty = [Targets2D(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))] * 2
    losses = KINDS[kind][0]().train()(*batch(pictures), targets=empty)
    assert all(torch.isfinite(loss) for loss in losses.values())
    sum(losses.values()).backward()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_remembers_two_images(kind):
    """A rectangle, whose colour tells its class, is the surest detection after a hundred steps."""
    pictures = [torch.full((3, *size), 0.4) for size in SIZES]
    targets = []
    for picture, corners, label in zip(
        pictures, ((8, 6, 40, 30), (10, 20, 30, 52)), (1, 3), strict=True
    ):
        left, top, right, bottom = corners
        picture[label % 3, top:bottom, left:right] = 1.0
        rows, columns = picture.shape[1:]
        share = torch.tensor([left + right, top + bottom, 2 * (right - left), 2 * (bottom - top)])
        scale = torch.tensor([columns, rows, columns, rows])
        targets.append(Targets2D((share / scale / 2)[None], torch.tensor([label])))
    model, inputs = KINDS[kind][0]().train(), batch(pictures)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    torch.manual_seed(0)
    for _ in range(100):
        optimizer.zero_grad()
        sum(model(*inputs, targets=targets).values()).backward()
        optimizer.step()
    with torch.no_grad():
        outputs = model.eval()(*inputs)
    truth = pixels(targets, 0)
    for found, true in zip(DiskPixels()(outputs, torch.tensor(SIZES)), truth, strict=True):
        assert found.labels[0] == true["labels"][0]
        assert box_iou(found.boxes[:1], true["boxes"]).item() > 0.6
        assert found.scores[0] > 0.5


def test_training_without_truth(pictures):
    with pytest.raises(ValueError, match="training needs targets"):
        fcos().train()(*batch(pictures))
