"""Names in checkpoints."""

import importlib

import pytest

from drivetr.data.transforms.resize_crop_flip import ResizeCropFlip
from drivetr.engine.registry import CLASSES, class_named, from_data, name_of, to_data
from drivetr.errors import DrivetrError
from drivetr.models.postprocess import TopKPostprocess


@pytest.mark.parametrize("name", CLASSES)
def test_table_is_true(name):
    cls = class_named(name, "test")
    assert cls.__name__ == name
    assert cls.__module__ == CLASSES[name]
    assert name_of(cls) == name


def test_round_trip():
    value = {"type": TopKPostprocess, "span": (1.0, -2), "parts": [{"type": ResizeCropFlip}, None]}
    data = to_data(value)
    assert data["type"] == "TopKPostprocess"
    assert from_data(data, "test") == value


@pytest.mark.parametrize("name", ["os.system", "subprocess.Popen", "os:system", "Petr", "", "eval"])
def test_nothing_else_resolves(name):
    with pytest.raises(DrivetrError, match="not in drivetr's table"):
        from_data({"type": name, "args": "true"}, "checkpoint.pth")


def test_class_of_the_same_name_is_told_apart():
    class PETR:
        pass

    PETR.__qualname__ = "PETR"
    assert ":" in name_of(PETR)
    with pytest.raises(DrivetrError):
        class_named(name_of(PETR), "test")


def test_nothing_is_imported_for_an_unknown_name(monkeypatch):
    def refuse(name: str) -> None:
        raise AssertionError(f"imported {name}")

    monkeypatch.setattr(importlib, "import_module", refuse)
    with pytest.raises(DrivetrError):
        class_named("tests.engine.tiny:TinyDetector", "test")


def test_subclasses_of_plain_types_become_plain():
    class Text(str):
        pass

    assert type(to_data(Text("x"))) is str
