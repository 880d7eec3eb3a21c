"""Which scenes a replay shows."""

import difflib
import logging
from collections.abc import Sequence

from drivetr.cli.replay_predictions import PredictionSource
from drivetr.data.nuscenes.index import NuScenesIndex, SceneRecord
from drivetr.data.paths import resolve_inside
from drivetr.errors import DrivetrError

_logger = logging.getLogger(__name__)


def choose_scenes(
    index: NuScenesIndex,
    name: str | None,
    split: str | None,
    sources: Sequence[PredictionSource],
) -> list[SceneRecord]:
    """The scenes to show: the named one, `all`, or the first one with images and predictions.

    Raises:
        DrivetrError: an unknown name, a scene outside of the split, or one without any sample in a
            source of predictions.
    """
    scenes = _scenes_of(index, split)
    place = f"{index.dataroot} ({index.version}{'' if split is None else ', split ' + split})"
    if not scenes:
        raise DrivetrError(f"{place} has no scene with samples")
    if name == "all":
        return scenes
    if name is not None:
        scene = _named(scenes, name, place)
        for source in sources:
            if not _covers(source, scene, index):
                raise DrivetrError(
                    f"{source.name} has no sample of {name}; name a scene that it was made for,"
                    f" such as {_covered_names(source, index) or 'none of this version'}"
                )
        return [scene]
    for scene in scenes:
        if _has_images(scene, index) and all(_covers(s, scene, index) for s in sources):
            return [scene]
    raise DrivetrError(
        f"{place} has no scene whose images are there"
        + (f" and of which {', '.join(s.name for s in sources)} has samples" if sources else "")
    )


def _scenes_of(index: NuScenesIndex, split: str | None) -> list[SceneRecord]:
    scenes = [scene for scene in index.scenes() if scene.num_samples > 0]
    if split is None:
        return scenes
    wanted = {index.sample(int(row)).scene_name for row in index.samples_of_split(split)}
    return [scene for scene in scenes if scene.name in wanted]


def _named(scenes: Sequence[SceneRecord], name: str, place: str) -> SceneRecord:
    by_name = {scene.name: scene for scene in scenes}
    if name in by_name:
        return by_name[name]
    near = difflib.get_close_matches(name, list(by_name), n=5, cutoff=0.4) or list(by_name)[:5]
    raise DrivetrError(
        f"{place} has no scene {name!r}; of its {len(by_name)} scenes these are near:"
        f" {', '.join(near)}"
    )


def _has_images(scene: SceneRecord, index: NuScenesIndex) -> bool:
    cameras = index.sample(scene.first_row).cameras
    return any(resolve_inside(index.dataroot, c.filename).is_file() for c in cameras)


def _covers(source: PredictionSource, scene: SceneRecord, index: NuScenesIndex) -> bool:
    rows = range(scene.first_row, scene.first_row + scene.num_samples)
    return any(source.has(index.sample(row).token) for row in rows)


def _covered_names(source: PredictionSource, index: NuScenesIndex) -> str:
    names = (scene.name for scene in index.scenes() if _covers(source, scene, index))
    return ", ".join(name for name, _ in zip(names, range(3), strict=False))
