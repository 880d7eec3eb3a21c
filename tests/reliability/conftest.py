"""The dataset that tests of this folder break, and a detector that was trained on it whole."""

from pathlib import Path

import pytest

from tests.reliability.world import STREAMPETR, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Six cameras, two scenes of three samples; it is not written yet."""
    return World(tmp_path / "data")


@pytest.fixture(scope="session")
def petr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoint of a tiny PETR after one step."""
    world = World(tmp_path_factory.mktemp("petr") / "data").write()
    world.accepted(world.train())
    return world.run / "last.pth"


@pytest.fixture(scope="session")
def streampetr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoint of a tiny StreamPETR after one step."""
    world = World(tmp_path_factory.mktemp("streampetr") / "data").write()
    world.accepted(world.train("train_data.streaming=True", config=STREAMPETR))
    return world.run / "last.pth"
