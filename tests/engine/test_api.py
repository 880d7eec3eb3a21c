"""Trained detectors, loaded and used."""

from pathlib import Path

import pytest
import torch

from drivetr.engine.api import load_detector
from drivetr.engine.checkpoint import read_checkpoint
from drivetr.engine.config import load_config
from drivetr.engine.registry import CLASSES
from drivetr.engine.train import RunOptions, train
from drivetr.errors import DrivetrError
from tests.engine.tiny import TinyDataset, TinyDetector

CONFIG = Path(__file__).with_name("tiny_config.py")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    config = load_config(CONFIG, {"schedule.iterations": 5, "train_data.num_workers": 0})
    return train(config, RunOptions(tmp_path_factory.mktemp("run"), device="cpu"))


@pytest.fixture
def tiny_in_table(monkeypatch):
    """As if the tiny classes were drivetr's own."""
    import tests.engine.tiny as tiny

    for name in ("TinyDetector", "TinyBackbone", "TinyPostprocess", "TinyDataset"):
        monkeypatch.setitem(CLASSES, name, tiny.__name__)


class TestLoad:
    def test_with_config_has_the_averaged_weights(self, checkpoint):
        loaded = load_detector(checkpoint, "cpu", load_config(CONFIG))
        content = read_checkpoint(checkpoint)
        weights = loaded.detector.state_dict()
        for key, value in weights.items():
            torch.testing.assert_close(value, content["ema"][f"detector.{key}"], rtol=0, atol=0)
        assert not torch.equal(weights["boxes.weight"], content["model"]["detector.boxes.weight"])
        assert not loaded.detector.training
        assert loaded.classes == ("car", "pedestrian")

    def test_foreign_class_needs_the_config(self, checkpoint):
        with pytest.raises(DrivetrError, match=r"tiny:TinyDetector' is not in drivetr's table"):
            load_detector(checkpoint, "cpu")

    def test_without_config(self, tmp_path, tiny_in_table):
        options = {"schedule.iterations": 2, "train_data.num_workers": 0, "model.num_queries": 6}
        config = load_config(CONFIG, options)
        loaded = load_detector(train(config, RunOptions(tmp_path, device="cpu")), "cpu")
        assert isinstance(loaded.detector, TinyDetector)
        assert loaded.detector.num_queries == 6

    def test_other_architecture(self, checkpoint):
        config = load_config(CONFIG, {"model.num_queries": 6})
        with pytest.raises(DrivetrError, match=r"(?s)weights do not fit Tiny.*boxes.weight"):
            load_detector(checkpoint, "cpu", config)


class TestPredict:
    def test_split(self, checkpoint):
        loaded = load_detector(checkpoint, "cpu", load_config(CONFIG))
        dataset, settings = loaded.open()
        found = list(loaded.predictions(dataset, settings))
        assert [frame.token for frame, _ in found] == [f"token{i}" for i in range(7)]
        assert all(len(detections) == 3 for _, detections in found)
        assert not any(detections.boxes.requires_grad for _, detections in found)

    def test_frames_one_by_one_equal_a_batch(self, checkpoint):
        loaded = load_detector(checkpoint, "cpu", load_config(CONFIG, {"test_data.batch_size": 3}))
        single = loaded.predict_frames(loaded.dataset()[i] for i in range(7))
        batched = loaded.predictions(*loaded.open(split="other"))
        for one, (_, other) in zip(single, batched, strict=True):
            torch.testing.assert_close(one.boxes, other.boxes)
            torch.testing.assert_close(one.scores, other.scores)


class TestStep:
    def test_a_detector_without_memory_has_none(self, checkpoint):
        loaded = load_detector(checkpoint, "cpu", load_config(CONFIG))
        batch = TinyDataset.collate([loaded.dataset()[0]])
        found, memory = loaded.step(batch)
        assert len(found) == 1
        assert memory is None
