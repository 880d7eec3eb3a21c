"""Fixtures for data that is not part of the repository, and how its absence is treated."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings

from drivetr.cli.main import main
from tests.browser import Visitor, running_browser

# Time limits say more about a busy machine than about the code; CI draws the same examples always.
settings.register_profile(
    "drivetr",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("drivetr")

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


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps indexes that tests build out of the user's cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRIVETR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def nuscenes_real() -> Path:
    """Dataroot with real nuScenes keyframes; treat it as read-only."""
    return _folder_from("DRIVETR_DATA", "nuscenes_real")


@pytest.fixture(scope="session")
def golden_dir() -> Path:
    """Folder with the recordings of the reference implementations."""
    return _folder_from("DRIVETR_GOLDEN")


@pytest.fixture(scope="session")
def coco_real() -> Path:
    """A cut of COCO 2017 with real images and boxes; treat it as read-only."""
    return _folder_from("DRIVETR_DATA", "coco128")


@pytest.fixture(scope="session")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenes of four keyframes, the first for training, the second for validation."""
    out = tmp_path_factory.mktemp("drive") / "set"
    options = "--size 48x128 --scenes 2 --val-scenes 1 --frames-per-scene 4 --workers 1"
    assert main(["synth", str(out), *options.split()]) == 0
    return out


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium; skips aloud where there is none."""
    with running_browser() as running:
        yield running


@pytest.fixture
def visitor(browser: Any) -> Iterator[Visitor]:
    """Opens pages in the browser."""
    visitor = Visitor(browser)
    yield visitor
    visitor.close()
