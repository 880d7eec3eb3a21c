"""Descriptions of models far larger than their weights are refused in no time."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from drivetr.engine.api import load_detector
from drivetr.engine.config import load_config
from drivetr.engine.detector_folder import Origin, write_detector
from drivetr.engine.spec import DetectorSpec
from drivetr.engine.within_weights import within_weights
from drivetr.errors import DrivetrError

CONFIG = Path(__file__).with_name("tiny_petr_config.py")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    spec = DetectorSpec.of_config(load_config(CONFIG))
    origin = Origin("petr", "petr.pth", "0" * 64, "averaged", "petr", "petr", "verified")
    write_detector(tmp_path, spec.build_detector()[0], spec, origin)
    return tmp_path


def changed(folder: Path, *way: str, value: object) -> Path:
    path = folder / "config.json"
    content = json.loads(path.read_text())
    *parents, last = way
    node = content
    for key in parents:
        node = node[key]
    node[last] = value
    path.write_text(json.dumps(content))
    return folder


def test_what_was_written_loads(folder):
    assert load_detector(folder, "cpu").classes


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("num_layers", 10**7, "describes a model of over .* modules"),
        ("embed_dim", 2**20, "describes a model of over .* numbers"),
        ("ffn_dim", 2**12, "weights do not fit"),
        ("num_heads", 10**12, "is not a multiple of num_heads"),
    ],
)
def test_a_larger_decoder(folder, key, value, said):
    with pytest.raises(DrivetrError, match=said):
        load_detector(changed(folder, "detector", "model", "decoder", key, value=value), "cpu")


@pytest.mark.parametrize(
    ("way", "value", "said"),
    [
        (("detector", "model"), 5, "description of the model is damaged"),
        (("detector", "model"), {"a": 1}, "model or postprocess is no dict"),
        (("detector", "classes"), [1, 2], "description of the model is damaged"),
    ],
)
def test_what_describes_nothing(folder, way, value, said):
    with pytest.raises(DrivetrError, match=said):
        load_detector(changed(folder, *way, value=value), "cpu")


def test_the_limit_ends_with_the_block():
    with pytest.raises(DrivetrError), within_weights({}, "here"):
        nn.Sequential(*(nn.Identity() for _ in range(1000)))
    assert len(nn.Sequential(*(nn.Identity() for _ in range(1000)))) == 1000
    assert nn.Linear(2, 2).weight.device == torch.device("cpu")
