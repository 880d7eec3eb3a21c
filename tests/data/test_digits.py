"""The digits: what scikit-learn gives, dealt to splits that share nothing."""

import sys

import pytest
import torch

from drivetr.data.digits import DigitsDataset
from drivetr.data.image_transforms.normalize import Normalize
from drivetr.data.label_transforms import RandomAffine
from drivetr.data.sampler import DrawKey
from drivetr.errors import DrivetrError

load_digits = pytest.importorskip("sklearn.datasets").load_digits


def test_images_and_labels_are_scikit_learn_s():
    data, source = DigitsDataset("val"), load_digits()
    for index in (0, 57, 179):
        sample = data[index]
        expected = torch.from_numpy(source.images[sample.id]) * 255 / 16
        assert sample.image.shape == (3, 8, 8)
        assert (sample.image.double() - expected).abs().max() <= 0.5  # a pixel is a whole number
        assert sample.label == source.target[sample.id]
        assert sample.name == f"digit {sample.id}"


def test_splits_share_no_image_and_hold_all():
    splits = [DigitsDataset(split) for split in ("train", "val", "test")]
    assert [len(split) for split in splits] == [1257, 180, 360]
    assert sorted(i for split in splits for i in split.ids.tolist()) == list(range(1797))


def test_the_split_is_always_the_same():
    """Numbers that accuracies in the documentation rest on."""
    assert DigitsDataset("test").ids[:5].tolist() == [1442, 455, 584, 147, 160]
    assert DigitsDataset("test", first=3).ids.tolist() == DigitsDataset("test").ids[:3].tolist()
    assert DigitsDataset("test", split_seed=1).ids.tolist() != DigitsDataset("test").ids.tolist()


def test_draws_come_from_the_key_alone():
    data = DigitsDataset("train", [RandomAffine(degrees=20, shift=0.2)])
    first, again, other = (data[DrawKey(4, seed)].image for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(data[4].image, data[4].image)


def test_a_batch():
    data = DigitsDataset("train", [Normalize((0.0,) * 3, (255.0,) * 3)])
    batch = data.collate([data[3], data[8]]).to("cpu")
    assert batch.inputs[0].shape == (2, 3, 8, 8)
    assert batch.inputs[0].max() <= 1
    assert batch.truth[0].tolist() == [data[3].label, data[8].label]
    assert batch.names == [data[3].name, data[8].name]
    assert batch.samples[1].image.numel() == 0


def test_images_that_cannot_be_batched():
    data = DigitsDataset("train")
    with pytest.raises(ValueError, match="let Normalize be the last"):
        data.collate([data[0]])
    with pytest.raises(ValueError, match="no images"):
        data.collate([])


def test_unknown_split():
    with pytest.raises(DrivetrError, match="the splits train, val, test, not 'valid'"):
        DigitsDataset("valid")


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(DrivetrError, match=r"pip install -e '\.\[digits\]'"):
        DigitsDataset("train")
