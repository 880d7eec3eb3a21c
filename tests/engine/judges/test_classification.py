"""From a config to an accuracy, by the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from drivetr.cli.main import main
from drivetr.engine.api import load_detector

pytest.importorskip("sklearn")
CONFIGS = Path(__file__).parents[3] / "configs"
LENET = str(CONFIGS / "lenet/lenet_digits.py")


def train(config: str, work_dir: Path, *options: str) -> str:
    arguments = ["train", config, "--work-dir", str(work_dir), "--device", "cpu"]
    assert main([*arguments, "--cfg-options", *options]) == 0
    return str(work_dir / "last.pth")


@pytest.mark.parametrize("config", ["lenet/lenet_digits.py", "vit/vit_digits.py"])
def test_trains_and_is_tested(config, tmp_path, capsys):
    options = ["schedule.epochs=None", "schedule.iterations=3", "test_data.first=40"]
    checkpoint = train(str(CONFIGS / config), tmp_path / "run", *options)
    assert f"drivetr test {checkpoint} --split test" in capsys.readouterr().out
    assert main(["test", checkpoint, "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    metrics = json.loads((tmp_path / "run/metrics.json").read_text())
    assert said.startswith(f"accuracy {metrics['accuracy']:.4f} ({metrics['errors']} of 40 wrong)")

    # The same by hand: the network on the images, one at a time.
    loaded = load_detector(checkpoint, "cpu")
    dataset = loaded.dataset()
    with torch.no_grad():
        found = [int(loaded.detector(dataset[i].image[None]).argmax()) for i in range(40)]
    confusion = np.zeros((10, 10), int)
    for i, label in enumerate(found):
        confusion[dataset[i].label, label] += 1
    assert metrics["confusion"] == confusion.tolist()
    assert metrics["images"] == 40


@pytest.mark.slow
def test_lenet_learns_digits_that_it_has_not_seen(tmp_path):
    """A quarter of the recipe; the whole one is above 0.97, see its docstring."""
    checkpoint = train(LENET, tmp_path / "run", "schedule.epochs=10")
    assert main(["test", checkpoint, "--device", "cpu"]) == 0
    metrics = json.loads((tmp_path / "run/metrics.json").read_text())
    assert metrics["accuracy"] > 0.95
    assert metrics["images"] == 360


def test_other_classes_are_refused(tmp_path, capsys):
    """A config at the test may name them otherwise than the dataset."""
    checkpoint = train(LENET, tmp_path / "run", "schedule.epochs=None", "schedule.iterations=1")
    classes = ["--cfg-options", f"classes={tuple('abcdefghij')}"]
    assert main(["test", LENET, checkpoint, "--device", "cpu", *classes]) == 2
    assert "label 0 is 0 there and a here" in capsys.readouterr().err


def test_unknown_split(tmp_path, capsys):
    arguments = ["train", LENET, "--work-dir", str(tmp_path / "run"), "--split", "dev"]
    assert main([*arguments, "--device", "cpu"]) == 2
    assert "the splits train, val, test, not 'dev'" in capsys.readouterr().err
