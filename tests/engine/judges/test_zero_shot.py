"""The judge of zero-shot classification."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from drivetr.engine.judges.exam import Exam
from drivetr.engine.judges.zero_shot import judge_zero_shot
from drivetr.errors import DrivetrError
from drivetr.structures.pairs import ImageText
from drivetr.structures.ranking import Ranking

NOTHING = torch.zeros(0, dtype=torch.int64)


class Classes:
    classes = ("car", "bus", "cone")
    spec = SimpleNamespace(source="last.pth")


@dataclass
class FinishedExam:
    """Predictions that are there already: (label, probabilities)."""

    rows: list
    metrics: Path
    dataset: Classes = field(default_factory=Classes)
    loaded: Classes = field(default_factory=Classes)
    check_classes = Exam.check_classes

    def predictions(self):
        image = torch.zeros(3, 0, 0, dtype=torch.uint8)
        for label, probabilities in self.rows:
            sample = ImageText("x", image, label, "", NOTHING, NOTHING, NOTHING)
            yield sample, Ranking(torch.tensor(probabilities))


def test_counts(tmp_path):
    rows = [(0, [0.6, 0.3, 0.1]), (0, [0.2, 0.5, 0.3]), (1, [0.1, 0.8, 0.1])]
    text = judge_zero_shot(FinishedExam(rows, tmp_path / "metrics.json"))
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["zero_shot_accuracy"] == pytest.approx(2 / 3)
    assert metrics["by_class"] == {"car": 0.5, "bus": 1.0, "cone": None}
    assert metrics["num_objects_by_class"] == {"car": 2, "bus": 1, "cone": 0}
    assert "zero-shot accuracy 66.7% of 3 objects" in text
    assert "cone                  - of 0" in text


def test_other_classes(tmp_path):
    other = Classes()
    other.classes = ("car", "bus")
    exam = FinishedExam([], tmp_path / "metrics.json", loaded=other)
    with pytest.raises(DrivetrError, match="label 2 is cone there and none here"):
        judge_zero_shot(exam)
