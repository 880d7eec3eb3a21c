"""Naming corruptions, and a detector whose test data is corrupted."""

import pytest
import torch

from drivetr.data.corruptions.catalogue import CORRUPTIONS, PROTOCOL
from drivetr.engine.api import load_detector
from drivetr.engine.corrupted import corrupted, parse_corruption
from drivetr.errors import DrivetrError
from drivetr.evaluation.robustness import DETR3D_NDS
from tests.cli.replay_world import CONFIG, STREAM_CONFIG, VERSION, random_checkpoint
from tests.engine.tiny import TinyDataset


def test_the_eight_of_the_published_table():
    assert list(PROTOCOL) == list(DETR3D_NDS)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_severity_can_be_named_and_made(name):
    for severity in CORRUPTIONS[name].severities:
        corruption, found = parse_corruption(f"{name}:{severity:g}")
        assert (corruption.name, found) == (name, severity)
        assert corruption.make(severity)


def test_severities_for_people():
    told = {name: list(map(c.severity_text, c.severities)) for name, c in CORRUPTIONS.items()}
    assert told["fog"] == ["severity 1", "severity 2", "severity 3"]
    assert told["rig_rotation"] == ["0.5 degrees", "1 degree", "2 degrees", "4 degrees"]
    assert told["rig_shift"] == ["5 cm", "10 cm", "20 cm"]
    assert told["camera_swap"] == ["1 pair", "2 pairs", "3 pairs"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fogg:2", "no corruption 'fogg', did you mean 'fog'?"),
        ("rain:1", "known: camera_crash, frame_lost"),
        ("fog", "fog: expected a severity behind fog:, one of 1, 2, 3, such as fog:1"),
        ("fog:4", "one of 1, 2, 3"),
        ("fog:1:2", "one of 1, 2, 3"),
        ("rig_rotation:3", "severity in degrees behind rig_rotation:, one of 0.5, 1, 2, 4"),
        ("camera_late:50", "one of 100, 200, 300, 400, 500"),
    ],
)
def test_mistakes(text, said):
    with pytest.raises(DrivetrError) as error:
        parse_corruption(text)
    assert said in str(error.value)


def predictions(checkpoint, drive, text, **settings):
    """Boxes of all frames, by token."""
    loaded = load_detector(checkpoint, "cpu")
    corruption, severity = parse_corruption(text)
    loaded = corrupted(loaded, corruption.make(severity))
    loaded.spec.test_data.update(settings)
    dataset, loading = loaded.open(drive, VERSION, "synth_val")
    return {frame.token: d.boxes for frame, d in loaded.predictions(dataset, loading)}


@pytest.mark.parametrize("config", [CONFIG, STREAM_CONFIG], ids=["PETR", "StreamPETR"])
def test_the_same_however_frames_are_loaded(config, drive, tmp_path):
    checkpoint = random_checkpoint(config, tmp_path)
    alone = predictions(checkpoint, drive, "frame_lost:2", num_workers=0, batch_size=1)
    many = predictions(checkpoint, drive, "frame_lost:2", num_workers=2, batch_size=1)
    clean = predictions(checkpoint, drive, "camera_late:500", num_workers=0, batch_size=1)
    assert list(alone) == list(many)
    for token, boxes in alone.items():
        assert torch.equal(many[token], boxes)
    assert any(not torch.equal(clean[token], boxes) for token, boxes in alone.items())


def test_the_same_in_any_order(drive, tmp_path):
    loaded = load_detector(random_checkpoint(CONFIG, tmp_path), "cpu")
    corruption, severity = parse_corruption("frame_lost:2")
    dataset = corrupted(loaded, corruption.make(severity)).dataset(drive, VERSION, "synth_val")
    forwards = [dataset[number].images for number in range(len(dataset))]
    for number in reversed(range(len(dataset))):
        assert torch.equal(dataset[number].images, forwards[number])


def test_corruption_comes_before_the_detectors_own_transforms(drive, tmp_path):
    loaded = load_detector(random_checkpoint(CONFIG, tmp_path), "cpu")
    corruption, severity = parse_corruption("color_quant:3")
    clean = loaded.dataset(drive, VERSION, "synth_val").raw_frame(0)
    dataset = corrupted(loaded, corruption.make(severity)).dataset(drive, VERSION, "synth_val")
    resized = dataset.transforms[1](dataset.transforms[0](clean, None), torch.Generator())
    assert torch.equal(dataset[0].images, resized.images)
    assert len(loaded.spec.test_data["transforms"]) == 1  # the detector itself stays


def test_only_camera_frames_can_be_corrupted(drive, tmp_path):
    loaded = load_detector(random_checkpoint(CONFIG, tmp_path), "cpu")
    loaded.spec.test_data["type"] = TinyDataset
    corruption, severity = parse_corruption("fog:1")
    with pytest.raises(DrivetrError, match="is tested on a TinyDataset"):
        corrupted(loaded, corruption.make(severity))
