"""Checkpoints that are right, damaged, diverged, or from the future."""

from pathlib import Path

import pytest
import torch

import drivetr
from drivetr.engine.checkpoint import save_checkpoint
from drivetr.engine.config import load_config
from drivetr.engine.detector_folder import Origin, write_detector
from drivetr.engine.doctor.checkpoint import examine_checkpoint
from drivetr.engine.doctor.diagnosis import Level
from drivetr.engine.spec import DetectorSpec

CONFIG = Path(__file__).parents[1] / "tiny_petr_config.py"
META = {"seed": 3, "batch_size": 2, "world_size": 1, "iterations": 50}


def detector():
    torch.manual_seed(0)
    spec = DetectorSpec.of_config(load_config(CONFIG))
    return spec.build_detector()[0], spec


def trained(folder: Path, versions: dict[str, str], first: float = 0.0) -> Path:
    """A checkpoint as `drivetr train` writes it, whose first weight is chosen."""
    model, spec = detector()
    weights = {f"detector.{key}": value for key, value in model.state_dict().items()}
    next(iter(weights.values())).view(-1)[0] = first
    state = {"iteration": 50, "spec": spec.to_data(), "model": weights, "ema": None}
    return save_checkpoint(state | {"meta": META | {"versions": versions}}, folder, keep=1)


def converted(folder: Path, keys: str) -> Path:
    model, spec = detector()
    origin = Origin("petr", "petr.pth", "ab" * 32, "averaged", "petr", "petr", keys)
    write_detector(folder, model, spec, origin)
    return folder


def test_a_training_s(tmp_path):
    path = trained(tmp_path, {"drivetr": drivetr.__version__, "torch": str(torch.__version__)})
    loaded, (what, origin) = examine_checkpoint(path, "cpu")
    assert loaded is not None
    assert (what.level, origin.level) == (Level.OK, Level.OK)
    assert "a PETR of 0.0 million weights; every key of the file has its place" in what.found
    assert "trained for 50 of 50 iterations, seed 3, 2 x 1 frames a step" in origin.found


def test_one_from_the_future(tmp_path):
    _, (*_, newer) = examine_checkpoint(trained(tmp_path, {"torch": "999.0.1+cu126"}), "cpu")
    assert newer.level is Level.WARNING
    assert "made with a newer torch 999.0.1+cu126" in newer.found
    assert newer.remedy == "pip install --upgrade torch"


def test_a_diverged_one(tmp_path):
    _, found = examine_checkpoint(trained(tmp_path, {}, first=torch.nan), "cpu")
    (bad,) = [one for one in found if one.level is Level.ERROR]
    assert bad.found.startswith("1 tensors hold NaN or infinity (first ")


@pytest.mark.parametrize(
    ("keys", "level"), [("verified", Level.OK), ("not verified", Level.WARNING)]
)
def test_a_converted_one(tmp_path, keys, level):
    loaded, (_, origin) = examine_checkpoint(converted(tmp_path, keys), "cpu")
    assert loaded is not None
    assert origin.level is level
    assert f"converted from petr.pth (sha256 {'ab' * 32}) as petr, layout petr" in origin.found


def test_a_damaged_one(tmp_path):
    folder = converted(tmp_path, "verified")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    loaded, (found,) = examine_checkpoint(folder, "cpu")
    assert loaded is None
    assert found.level is Level.ERROR
    assert "model.safetensors is not the file that config.json describes" in found.found
