"""The transformer learns to read number words, by the command line."""

import json
from pathlib import Path

import pytest
import torch

from drivetr.cli.main import main
from drivetr.data.number_words import DIGITS, NumberWordsDataset, read_digits
from drivetr.engine.api import load_detector

CONFIG = str(Path(__file__).parents[3] / "configs/transformer/number_words.py")


def train_and_test(folder: Path, *options: str) -> dict:
    run = str(folder / "run")
    arguments = ["train", CONFIG, "--work-dir", run, "--device", "cpu"]
    assert main([*arguments, *(["--cfg-options", *options] if options else [])]) == 0
    assert main(["test", f"{run}/last.pth", "--device", "cpu"]) == 0
    metrics: dict = json.loads((folder / "run/metrics.json").read_text())
    return metrics


@pytest.mark.slow
def test_translates_numbers_that_it_has_not_seen(tmp_path):
    """20 CPU seconds of training; every digit of a number has to be right."""
    metrics = train_and_test(tmp_path)
    assert metrics["sequences"] == 2000
    assert metrics["exact_match"] >= 0.99
    seen = set(NumberWordsDataset("train").numbers.tolist())
    assert not seen & set(NumberWordsDataset("test", first=2000).numbers.tolist())


def test_mistakes_are_counted_and_shown(tmp_path, capsys):
    metrics = train_and_test(tmp_path, "schedule.iterations=2", "test_data.first=30")
    said = capsys.readouterr().out
    loaded = load_detector(tmp_path / "run/last.pth", "cpu")
    dataset = loaded.dataset()
    wrong = []
    for i in range(30):
        sample = dataset[i]
        with torch.no_grad():
            words = loaded.detector(sample.source[None])[0].argmax(-1)
        found = read_digits(words.tolist())
        if found != sample.answer:
            wrong.append({"source": sample.name, "truth": sample.answer, "found": found})
    assert metrics["wrong"] == wrong
    assert metrics["exact_match"] == pytest.approx(1 - len(wrong) / 30)
    assert f"({len(wrong)} of 30 wrong)" in said
    assert f"  {wrong[0]['source']}: {wrong[0]['truth']}, found {wrong[0]['found']}" in said


def test_digits_are_read_up_to_the_end():
    words = [DIGITS.index(word) for word in ("4", "0", "<end>", "7")]
    assert read_digits(words) == "40"
    assert read_digits(words[:2]) == "40"
    assert read_digits([DIGITS.index("<end>")]) == ""
