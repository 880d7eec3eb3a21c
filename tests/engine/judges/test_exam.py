"""What every judge asks of a test before it begins."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from drivetr.engine.judges.exam import Exam
from drivetr.errors import DrivetrError


def exam(dataset: list[int], dataroot: Path | None = None) -> Exam:
    loaded = SimpleNamespace(
        open=lambda *names: (dataset, None), spec=SimpleNamespace(source="last.pth")
    )
    return Exam(loaded, dataroot, "v", "val", Path("results.json"), Path("metrics.json"))


def test_an_empty_split():
    with pytest.raises(DrivetrError, match="split 'val' has no samples"):
        exam([]).predictions()


def test_names_that_nobody_gave():
    with pytest.raises(DrivetrError, match="last.pth: its dataset needs --dataroot and --version"):
        _ = exam([1]).names
    assert exam([1], Path("data")).names == (Path("data"), "v", "val")
