"""A tiny synthetic dataset that the tests of this folder share."""

from pathlib import Path

import pytest
from nuscenes import NuScenes

from drivetr.data.synth.recipe import Recipe
from drivetr.data.synth.rig import nuscenes_rig
from drivetr.data.synth.write import write_dataset


@pytest.fixture(scope="session")
def tiny_recipe() -> Recipe:
    return Recipe(
        nuscenes_rig(48, 128),
        scenes=2,
        val_scenes=1,
        frames_per_scene=3,
        seed=5,
        reach=24.0,
        density=1.0,
        sweeps=False,
    )


@pytest.fixture(scope="session")
def tiny_root(tiny_recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("synth") / "out"
    assert write_dataset(tiny_recipe, root, workers=1)
    return root


@pytest.fixture(scope="session")
def tiny(tiny_root: Path) -> NuScenes:
    return NuScenes("v1.0-synth", str(tiny_root), verbose=False)
