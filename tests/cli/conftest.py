"""A small drive that several tests of replays read."""

import shutil
from pathlib import Path

import pytest

from drivetr.cli.main import main
from tests.cli.replay_world import perfect_results


@pytest.fixture(scope="session")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenes of four keyframes, the first for training, the second for validation."""
    out = tmp_path_factory.mktemp("drive") / "set"
    options = "--size 48x128 --scenes 2 --val-scenes 1 --frames-per-scene 4 --workers 1"
    assert main(["synth", str(out), *options.split()]) == 0
    return out


@pytest.fixture(scope="session")
def perfect(drive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A submission that repeats the truth of both scenes."""
    return perfect_results(drive, tmp_path_factory.mktemp("results") / "perfect.json")


@pytest.fixture
def broken_drive(drive: Path, tmp_path: Path) -> Path:
    """The same set, to be damaged."""
    shutil.copytree(drive, tmp_path / "set")
    return tmp_path / "set"
