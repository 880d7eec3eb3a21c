"""One scene: measured visibility against brute force, weather, what is annotated."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from drivetr.data.synth.mesh import NO_TEXTURE
from drivetr.data.synth.raster import Buffers, Faces, draw
from drivetr.data.synth.recipe import Recipe
from drivetr.data.synth.render import render, shoot
from drivetr.data.synth.rig import nuscenes_rig
from drivetr.data.synth.simulate import SCENES_PER_LOG, SceneWriter, describe, log_of
from drivetr.data.synth.tables import visibility_level


def depth_alone(faces: Faces, mine: np.ndarray, writer: SceneWriter, number: int) -> np.ndarray:
    """Inverse depth of some faces drawn with nothing else; 0 where they are not."""
    view = writer.views[number]
    chosen = Faces(*(getattr(faces, name)[mine] for name in Faces.__dataclass_fields__))
    plain = dataclasses.replace(chosen, textures=np.full(len(chosen.quads), NO_TEXTURE))
    shape = view.sky_mask.shape
    buffers = Buffers(
        np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.float32), np.full(shape, -1, np.int32)
    )
    draw(buffers, plain, view.cam_from_ego, view.intrinsic, ())
    return np.where(buffers.face >= 0, buffers.inverse_depth, 0)


def test_visible_pixels_equal_those_of_separate_pictures(
    tiny_recipe: Recipe, tmp_path: Path
) -> None:
    writer = SceneWriter(tiny_recipe, 0, tmp_path)
    shot = shoot(writer.stage, writer.scene, 0.0, writer._shown(0.0))
    hidden = 0
    for number in (0, 3):
        view = writer.views[number]
        _, seen, whole = render(writer.stage, shot, view, np.random.default_rng(0))
        owners = np.unique(shot.faces.owners)
        layers = np.stack(
            [depth_alone(shot.faces, shot.faces.owners == o, writer, number) for o in owners]
        )
        nearest = np.where(layers.max(axis=0) > 0, owners[layers.argmax(axis=0)], -2)
        solid = {
            o for o in owners if o >= 0 and shot.faces.opacity[shot.faces.owners == o].min() == 1
        }
        ghosts = np.isin(nearest, [o for o in owners if o >= 0 and o not in solid]).sum()
        for owner, layer in zip(owners, layers, strict=True):
            if owner not in solid:
                continue
            assert whole.get(owner, 0) == (layer > 0).sum()
            visible = int((nearest == owner).sum())
            assert seen.get(owner, 0) == pytest.approx(visible, abs=3 + int(ghosts))
            hidden += whole.get(owner, 0) - seen.get(owner, 0)
    assert hidden > 0


def test_levels_are_those_of_nuscenes() -> None:
    levels = [visibility_level(share) for share in (0, 0.39, 0.4, 0.59, 0.6, 0.79, 0.8, 1.0)]
    assert levels == ["1", "1", "2", "2", "3", "3", "4", "4"]


def test_the_first_drives_show_every_weather(tiny_recipe: Recipe, tmp_path: Path) -> None:
    recipe = dataclasses.replace(
        tiny_recipe, rig=nuscenes_rig(16, 32), scenes=48, val_scenes=0, frames_per_scene=1
    )
    words = {
        describe(SceneWriter(recipe, SCENES_PER_LOG * log, tmp_path).scene).split(",")[0]
        for log in range(6)
    }
    assert words == {"Day", "Dusk", "Night", "Rain", "Fog"}


def test_training_and_validation_share_no_drive(tiny_recipe: Recipe) -> None:
    recipe = dataclasses.replace(tiny_recipe, scenes=21, val_scenes=10)
    train = {log_of(recipe, number) for number in range(11)}
    val = {log_of(recipe, number) for number in range(11, 21)}
    assert not train & val
    assert train | val == set(range(max(val) + 1))


def test_objects_that_fade_are_not_annotated(tiny_recipe: Recipe, tmp_path: Path) -> None:
    writer = SceneWriter(tiny_recipe, 0, tmp_path)
    shown = writer._shown(0.0)
    assert all(0 < opacity <= 1 for opacity in shown.values())
    for number, opacity in shown.items():
        place = np.linalg.inv(writer.scene.ego.pose(0.0)) @ [
            *writer.scene.actors[number].place(0),
            0,
            1,
        ]
        assert (np.abs(place[:2]).max() <= tiny_recipe.reach) == (opacity == 1)
