"""COCO images as samples, against pycocotools' reading of the same file."""

import io
from contextlib import redirect_stdout
from dataclasses import replace

import pytest
import torch
from pycocotools.coco import COCO
from torchvision.io import write_jpeg
from torchvision.ops import box_convert

from drivetr.data.coco.dataset import CocoDataset
from drivetr.data.image_transforms.normalize import Normalize
from drivetr.data.sampler import DrawKey
from drivetr.errors import DrivetrError
from drivetr.structures.coco_classes import COCO_CLASSES, COCO_SLOTS
from tests.data.coco.small import CATEGORIES, write_small_coco


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


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return write_small_coco(tmp_path_factory.mktemp("coco") / "small")


def test_labels_without_gaps(small):
    dataset = CocoDataset(small, "2017", "train2017")
    assert dataset.image_ids == [3, 7, 8, 11, 12, 40]
    assert dataset.classes == ("block", "bar", "spot")
    assert dataset.category_ids == (2, 5, 90)
    assert dataset[0].targets.labels.tolist() == [0, 1]
    assert dataset[1].targets.labels.tolist() == [2]


def test_labels_as_cocos_own_numbers(small, coco_real):
    dataset = CocoDataset(small, "2017", "train2017", labels="category_id")
    assert len(dataset.classes) == len(dataset.category_ids) == 91
    for number, (name, category) in enumerate(
        zip(dataset.classes, dataset.category_ids, strict=True)
    ):
        assert name == CATEGORIES.get(number, "N/A")
        assert category == (number if number in CATEGORIES else None)
    assert dataset[0].targets.labels.tolist() == [2, 5]
    assert dataset[1].targets.labels.tolist() == [90]

    real = CocoDataset(coco_real, "2017", "train2017", labels="category_id")
    assert real.classes == COCO_SLOTS
    assert CocoDataset(coco_real, "2017", "val2017").classes == COCO_CLASSES


def test_crowds_are_no_targets_and_boxes_end_as_shares_in_float32(small):
    targets = CocoDataset(small, "2017", "train2017")[3].targets
    assert targets.boxes.dtype == torch.float32
    expected = torch.tensor([[17 / 64, 12 / 48, 30 / 64, 20 / 48]])
    torch.testing.assert_close(targets.boxes, expected)


def test_a_grey_image_has_three_equal_colours(small):
    image = CocoDataset(small, "2017", "train2017")[1].image
    assert image.shape == (3, 64, 40)
    assert (image == image[:1]).all()


def test_draws_belong_to_the_key(small):
    def noise(sample, generator):
        pixels = torch.rand(sample.image.shape, generator=generator)
        return replace(sample, image=pixels)

    dataset = CocoDataset(small, "2017", "train2017", transforms=[noise])
    assert dataset[0].image.equal(dataset[0].image)
    assert dataset[DrawKey(0, 1)].image.equal(dataset[DrawKey(0, 1)].image)
    assert not dataset[DrawKey(0, 1)].image.equal(dataset[DrawKey(0, 2)].image)


def test_without_truth(small):
    dataset = CocoDataset(small, "2017", "train2017", with_targets=False, transforms=[Normalize()])
    assert dataset[0].targets is None
    assert dataset.collate([dataset[0], dataset[1]]).targets == []


@pytest.mark.parametrize("wrong", [{"labels": "mine"}, {"first": 0}])
def test_wrong_arguments(small, wrong):
    with pytest.raises(ValueError, match="expected 'compact' or 'category_id'"):
        CocoDataset(small, "2017", "train2017", **wrong)


class TestWrongFolders:
    @pytest.fixture
    def own(self, tmp_path):
        return write_small_coco(tmp_path / "own", ("train2017",))

    def test_wrong_names(self, own):
        with pytest.raises(DrivetrError, match="no split 'val2017' .*found: train2017"):
            CocoDataset(own, "2017", "val2017")
        with pytest.raises(DrivetrError, match="of version '2014'"):
            CocoDataset(own, "2014", "train2017")

    def test_an_image_that_is_missing(self, own):
        (own / "train2017/000000000008.jpg").unlink()
        with pytest.raises(
            DrivetrError, match="1 of 6 images are missing or empty: .*08.jpg; fetch them"
        ):
            CocoDataset(own, "2017", "train2017")
        assert len(CocoDataset(own, "2017", "train2017", first=2)) == 2

    def test_an_image_that_is_cut(self, own):
        path = own / "train2017/000000000003.jpg"
        path.write_bytes(path.read_bytes()[:-300])
        with pytest.raises(DrivetrError, match="03.jpg: .*every image of a split is needed"):
            CocoDataset(own, "2017", "train2017")[0]

    def test_an_image_of_another_size(self, own):
        write_jpeg(torch.zeros(3, 9, 9, dtype=torch.uint8), str(own / "train2017/000000000003.jpg"))
        with pytest.raises(DrivetrError, match="9x9 pixels but the annotation file says 64x48"):
            CocoDataset(own, "2017", "train2017")[0]

    @pytest.mark.parametrize("outside", ["../x.jpg", "/etc/passwd"])
    def test_a_name_that_leaves_the_folder(self, own, outside):
        path = own / "annotations/instances_train2017.json"
        path.write_text(path.read_text().replace("000000000003.jpg", outside))
        with pytest.raises(DrivetrError, match="file_name .* (climbs|is absolute)"):
            CocoDataset(own, "2017", "train2017")

    def test_a_link_that_leaves_the_folder(self, own, tmp_path):
        path = own / "train2017/000000000003.jpg"
        path.rename(tmp_path / "elsewhere.jpg")
        path.symlink_to(tmp_path / "elsewhere.jpg")
        with pytest.raises(DrivetrError, match="the annotation file: .*leaves the dataroot"):
            CocoDataset(own, "2017", "train2017")[0]

    def test_no_images_at_all(self, own):
        path = own / "annotations/instances_train2017.json"
        path.write_text('{"images": [], "annotations": [], "categories": []}')
        with pytest.raises(DrivetrError, match="has no images"):
            CocoDataset(own, "2017", "train2017")
