"""Settings of a tour that trains next to nothing."""

from pathlib import Path

import pytest

from drivetr.tour.part import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "scratch", share=0.01)
