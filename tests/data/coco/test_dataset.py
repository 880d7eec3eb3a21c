"""COCO images as samples, against pycocotools' reading of the same file."""

import io
from contextlib import redirect_stdout

import torch
from pycocotools.coco import COCO
from torchvision.ops import box_convert

from drivetr.data.coco.dataset import CocoDataset
from drivetr.data.image_transforms.normalize import Normalize


def test_real_images_and_boxes(coco_real):
    dataset = CocoDataset(coco_real, "2017", "train2017")
    with redirect_stdout(io.StringIO()):
        truth = COCO(str(coco_real / "annotations/instances_train2017.json"))
    assert dataset.image_ids == sorted(truth.imgs)
    assert dataset.category_ids == tuple(sorted(truth.cats))
    for index in (0, 3, 50):
        sample = dataset[index]
        height, width = sample.original_size
        assert sample.image.shape == (3, height, width)
        rows = truth.imgToAnns[sample.id]
        rows = [row for row in rows if not row["iscrowd"]]
        corners = box_convert(sample.targets.boxes, "cxcywh", "xyxy")
        corners = corners * torch.tensor([width, height, width, height])
        expected = torch.tensor([row["bbox"] for row in rows])
        expected[:, 2:] += expected[:, :2]
        torch.testing.assert_close(corners, expected, rtol=1e-4, atol=1e-2)
        labels = [dataset.category_ids[label] for label in sample.targets.labels]
        assert labels == [row["category_id"] for row in rows]


def test_image_without_boxes(coco_real):
    dataset = CocoDataset(coco_real, "2017", "train2017", transforms=[Normalize()])
    sample = dataset[dataset.image_ids.index(250)]
    assert sample.targets.boxes.shape == (0, 4)
    assert dataset.collate([sample]).targets[0].labels.dtype == torch.int64


def test_the_first_by_number(coco_real):
    dataset = CocoDataset(coco_real, "2017", "train2017", first=16)
    assert len(dataset) == 16
    assert dataset.image_ids == sorted(dataset.image_ids)
