"""Which scenes and which of their moments a replay shows."""

import difflib
import heapq
import logging
import math
from collections.abc import Iterable, Iterator, Sequence

from drivetr.cli.replay_moments import Moment, MomentReader, Window
from drivetr.cli.replay_predictions import PredictionSource
from drivetr.cli.track_samples import tokens_of_splits
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
        for source in sources:
            if not any(_covers(source, scene, index) for scene in scenes):
                raise DrivetrError(
                    f"{source.name} has no sample of {place}; {_origin(source, index)}"
                )
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
        + "".join(
            f"; {source.name} has none of these samples: {_origin(source, index)}"
            for source in sources
            if not any(_covers(source, scene, index) for scene in scenes)
        )
    )


def count_moments(reader: MomentReader, scenes: Sequence[SceneRecord], window: Window) -> int:
    """How many moments of some scenes lie in a window.

    Raises:
        DrivetrError: none does.
    """
    times = [reader.times(scene) for scene in scenes]
    count = sum(time_s in window for of_scene in times for time_s in of_scene)
    if not count:
        longest = max(of_scene[-1] for of_scene in times)
        which = scenes[0].name if len(scenes) == 1 else "the longest of the scenes"
        end = "the end" if math.isinf(window.end_s) else f"--to {window.end_s:g}"
        raise DrivetrError(
            f"no frame lies between --from {window.start_s:g} and {end} (seconds);"
            f" {which} lasts {longest:g} s"
        )
    return count


def worst_moments(
    moments: Iterable[Moment], count: int, source: str, threshold: float
) -> list[Moment]:
    """The moments with the most misses and false predictions, the worst first.

    Of equal ones the earlier comes first. Moments without truth or without an answer of the source
    are passed over.

    Raises:
        DrivetrError: that leaves none.
    """
    judged: Iterator[Moment] = (moment for moment in moments if source in moment.outcomes)
    worst = heapq.nlargest(count, judged, key=lambda moment: moment.errors(source, threshold))
    if not worst:
        raise DrivetrError(
            f"--worst compares {source} with ground truth, but none of the chosen frames has both;"
            " choose scenes with annotations that it has results for"
        )
    return worst


def _origin(source: PredictionSource, index: NuScenesIndex) -> str:
    """Which split of the version a source was made for."""
    covered = {
        name: sum(source.has(token) for token in tokens)
        for name, tokens in tokens_of_splits(index).items()
    }
    if not covered.pop(""):
        return (
            "none of its tokens is a sample of this version, so it is empty or of another dataset"
        )
    best = max(covered, key=covered.__getitem__, default="")
    if not covered.get(best):
        return "it was made for scenes that belong to no split"
    return f"its samples are those of split {best}, which --split {best} would choose"


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
