"""Every published detector: its config's model has the names and shapes that are listed for it."""

import pytest
import torch

from drivetr.engine.build import Builder
from drivetr.engine.config import load_config
from drivetr.engine.zoo import published_detectors
from drivetr.errors import DrivetrError
from drivetr.models.layouts import layout_of
from drivetr.models.manifest import read_manifest
from drivetr.models.petr_layouts import PETR_LAYOUTS

ENTRIES = published_detectors()
# Entries that differ in what was trained only are the same model.
MODELS = {(e.config, e.parts): e for e in ENTRIES.values() if e.parts}


@pytest.mark.parametrize("entry", MODELS.values(), ids=lambda entry: entry.name)
def test_the_model_is_what_is_listed(entry):
    shapes = read_manifest(entry.parts, entry.sizes)
    state = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    layout = layout_of(state, PETR_LAYOUTS, entry.name)
    found = {key: tuple(t.shape) for key, t in layout.translate(state).items()}
    config = load_config(entry.config)
    with torch.device("meta"):
        detector = Builder(config.file).build(config.model, "model")
    assert found == {key: tuple(t.shape) for key, t in detector.state_dict().items()}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=lambda entry: entry.name)
def test_only_recorded_parts_are_called_verified(entry):
    unrecorded = {part for part in entry.parts if part.endswith("_offsets")}
    assert entry.verified is bool(entry.parts and not unrecorded)


def test_a_folder_without_metafile(tmp_path, monkeypatch):
    monkeypatch.setattr("drivetr.__file__", str(tmp_path / "drivetr" / "__init__.py"))
    with pytest.raises(DrivetrError, match=r"metafile\.yml is not there: .* --config FILE"):
        published_detectors()


@pytest.mark.parametrize(
    "text", ["models: {a: {config: b}}", "- 1", "models: [", "other: 1", "models: 2026-99-99"]
)
def test_a_damaged_metafile(tmp_path, text):
    (tmp_path / "metafile.yml").write_text(text)
    with pytest.raises(DrivetrError, match="an entry is damaged"):
        published_detectors(tmp_path)
