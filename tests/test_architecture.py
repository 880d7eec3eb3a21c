"""Rules about the package as a whole."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from jaxtyping import TypeCheckError

from drivetr.geometry.boxes import box_corners, make_boxes
from drivetr.geometry.rigid import transform_points
from drivetr.structures.detections import Detections

ROOT = Path(__file__).parent.parent


class TestShapesAreChecked:
    """These fail where the suite runs without `--jaxtyping-packages`, as it should not."""

    def test_wrong_number_of_columns(self):
        with pytest.raises(TypeCheckError, match="boxes"):
            box_corners(torch.zeros(2, 9))

    def test_letters_must_agree(self):
        with pytest.raises(TypeCheckError):
            make_boxes(torch.zeros(2, 3), torch.zeros(3, 3), torch.zeros(2))

    def test_wrong_kind_of_number(self):
        with pytest.raises(TypeCheckError):
            transform_points(torch.eye(4), torch.zeros(2, 3, dtype=torch.int64))

    def test_dataclasses_too(self):
        with pytest.raises(TypeCheckError):
            Detections(torch.zeros(2, 10), torch.zeros(3), torch.zeros(2, dtype=torch.int64))


def test_import_floors_hold():
    """The contracts of pyproject.toml, so that a plain run of the tests sees a breach too."""
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_folder_is_a_package():
    """setuptools leaves folders without __init__.py out of the wheel."""
    folders = {path.parent for path in (ROOT / "drivetr").rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_the_command_starts_without_torch():
    """`drivetr --help` answers at once: heavy imports belong into the subcommands' run."""
    heavy = "{'torch', 'mmengine', 'nuscenes', 'cv2', 'scipy', 'matplotlib'}"
    code = (
        "import sys; from drivetr.cli.main import build_parser; build_parser().format_help();"
        f"sys.exit(', '.join(sorted({heavy} & set(sys.modules))) or 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("folder", ["drivetr", "tools"])
def test_nothing_loads_pickles(folder):
    """Weights and tables come from strangers: no pickle, and torch.load for weights only."""
    for path in (ROOT / folder).rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"pickle\.(loads?|dumps?|Unpickler|Pickler)\b", text), path
        assert "weights_only=False" not in text, path
        assert "allow_pickle=True" not in text, path
        for call in text.split("torch.load(")[1:]:
            assert "weights_only=True" in call[:300], path
