"""A small drive that several tests of replays read."""

import shutil
from pathlib import Path

import pytest

from tests.cli.replay_world import perfect_results


@pytest.fixture(scope="session")
def perfect(drive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A submission that repeats the truth of both scenes."""
    return perfect_results(drive, tmp_path_factory.mktemp("results") / "perfect.json")


@pytest.fixture
def broken_drive(drive: Path, tmp_path: Path) -> Path:
    """The same set, to be damaged."""
    shutil.copytree(drive, tmp_path / "set")
    return tmp_path / "set"
