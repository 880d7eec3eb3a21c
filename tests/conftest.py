"""Fixtures for data that is not part of the repository, and how its absence is treated."""

import os
from pathlib import Path

import pytest
import torch

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


def _folder_from(variable: str, inner: str = "") -> Path:
    """The folder that an environment variable names; skips aloud, or fails where data is a duty."""
    value = os.environ.get(variable)
    if value and (folder := Path(value) / inner).is_dir():
        return folder.resolve()
    found = f"{variable}={value} holds no folder {inner!r}" if value else f"{variable} is not set"
    if os.environ.get("DRIVETR_REQUIRE_DATA") == "1":
        pytest.fail(f"{found}, and DRIVETR_REQUIRE_DATA=1 asks for the data")
    pytest.skip(found)


@pytest.fixture(scope="session")
def nuscenes_real() -> Path:
    """Dataroot with real nuScenes keyframes; treat it as read-only."""
    return _folder_from("DRIVETR_DATA", "nuscenes_real")


@pytest.fixture(scope="session")
def golden_dir() -> Path:
    """Folder with the recordings of the reference implementations."""
    return _folder_from("DRIVETR_GOLDEN")
