"""A small synthetic world, rendered once for the parts about CLIP and about many cameras."""

from functools import lru_cache
from pathlib import Path

from drivetr.data.synth.recipe import Recipe
from drivetr.data.synth.rig import nuscenes_rig
from drivetr.data.synth.write import write_dataset
from drivetr.tour.part import Settings

VERSION, TRAIN, VAL = "v1.0-synth", "synth_train", "synth_val"
SCENES, VAL_SCENES = 36, 8
SIZE = (192, 512)


@lru_cache(maxsize=1)
def world_folder(settings: Settings) -> Path:
    """The dataroot; objects stand within 14 m, as in the demo."""
    folder = settings.scratch / "world"
    recipe = Recipe(
        rig=nuscenes_rig(*SIZE),
        scenes=settings.steps(SCENES) + VAL_SCENES if settings.share >= 1 else 4,
        val_scenes=VAL_SCENES if settings.share >= 1 else 2,
        frames_per_scene=2,
        seed=settings.seed,
        reach=14.0,
        density=2.4,
        sweeps=False,
    )
    write_dataset(recipe, folder, workers=1)
    return folder
