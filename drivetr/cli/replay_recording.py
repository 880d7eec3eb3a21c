"""From the moments of scenes to a recording, which a page or Rerun shows."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from drivetr.cli.replay_moments import Moment
from drivetr.cli.replay_predictions import lacking
from drivetr.cli.replay_scene import SceneReader, View
from drivetr.data.nuscenes.index import SceneRecord
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.structures.ground import GroundMap
from drivetr.visual.jpeg import encode_jpeg, shrink
from drivetr.visual.recording import (
    BoxSet,
    QueryStory,
    RecordedFrame,
    RecordedImage,
    Recording,
    empty_boxes,
)

_JPEG_START = b"\xff\xd8\xff"


class FrameRecorder:
    """Makes recorded frames of moments.

    Args:
        reader: of the dataset and the predictions.
        image_width: pixels; wider images are made as small as that, others keep their bytes.
    """

    def __init__(self, reader: SceneReader, image_width: int) -> None:
        self._reader = reader
        self._width = image_width

    def frame(
        self, moment: Moment, views: dict[str, View], points: Float[Tensor, "P 3"] | None
    ) -> RecordedFrame:
        """A moment with its pictures, the cameras in the order of the views."""
        images = tuple(self._image(channel, view) for channel, view in views.items())
        blank = [image.channel for image in images if image.jpeg is None]
        notes = [f"no result for this frame in {name}" for name in moment.silent]
        notes += filter(None, (lacking(s, _classes_of(moment)) for s in self._reader.sources))
        if blank:
            notes.append(f"no picture of {', '.join(blank)}")
        return RecordedFrame(
            token=moment.sample.token,
            scene=moment.scene.name,
            time_s=moment.time_s,
            images=images,
            global_from_lidar=moment.global_from_lidar,
            ego_from_lidar=moment.ego_from_lidar,
            truth=_truth(moment),
            predictions={name: _predictions(moment, name) for name in moment.found},
            partners=_partners(moment),
            points=points,
            notes=tuple(notes),
            stories=self._stories(moment, images),
        )

    def _stories(self, moment: Moment, images: Sequence[RecordedImage]) -> tuple[QueryStory, ...]:
        token = moment.sample.token
        return tuple(
            story
            for source in self._reader.sources
            if source.name not in moment.silent
            for story in source.stories(token, moment.found[source.name], images)
        )

    def _image(self, channel: str, view: View) -> RecordedImage:
        """A picture at the size in which it is shown, and its calibration."""
        height, width = view.size
        shown = min(width, self._width)
        size = (max(1, round(height * shown / width)), shown)
        scale = torch.tensor([size[1] / width, size[0] / height, 1.0, 1.0], dtype=torch.float64)
        return RecordedImage(channel, self._jpeg(view), size, scale[:, None] * view.img_from_lidar)

    def _jpeg(self, view: View) -> bytes | None:
        """The file itself where it is a JPEG that is small enough."""
        if view.image is None or view.filename is None:
            return None
        if view.size[1] <= self._width:
            content = self._reader.content(view.filename)
            if content.startswith(_JPEG_START):
                return content
        return encode_jpeg(shrink(view.image, self._width))


def join_frames(
    frames: Iterable[RecordedFrame],
    scenes: Sequence[SceneRecord],
    version: str,
    channels: Iterable[str],
    sources: Sequence[str],
    threshold: float,
    maps: Mapping[str, GroundMap],
) -> Recording:
    """A recording of frames of some scenes.

    Args:
        frames: in the order in which they are shown.
        scenes: that they are from.
        version: of the dataset.
        channels: cameras in the order of the frames' images.
        sources: names of the sets of predictions.
        threshold: score at which it opens.
        maps: of the scenes that have one, by their name; others than the frames' are left out.
    """
    frames = tuple(frames)
    shown = {frame.scene for frame in frames}
    names = scenes[0].name if len(scenes) == 1 else f"{len(scenes)} scenes"
    return Recording(
        title=f"{names} of {version}",
        frames=frames,
        channels=tuple(channels),
        sources=tuple(sources),
        descriptions={s.name: ", ".join(filter(None, (s.description, s.location))) for s in scenes},
        threshold=threshold,
        maps={name: ground for name, ground in maps.items() if name in shown},
    )


def _classes_of(moment: Moment) -> set[str]:
    """The classes of the objects that are there."""
    labels = [] if moment.truth is None else moment.truth.labels.tolist()
    return {DETECTION_CLASSES[label] for label in labels}


def _truth(moment: Moment) -> BoxSet | None:
    """The objects, each under the token of its instance."""
    if moment.truth is None or moment.truth_judged is None:
        return None
    notes, count = moment.sample.annotations, len(moment.truth)
    names = dict(zip(notes.instance.tolist(), notes.instance_token, strict=True))
    return BoxSet(
        boxes=moment.truth.boxes.float(),
        labels=moment.truth.labels,
        scores=torch.ones(count),
        partner=torch.full((count,), -1),
        judged=moment.truth_judged,
        tracks=tuple(names[number] for number in moment.truth.instance.tolist()),
    )


def _predictions(moment: Moment, source: str) -> BoxSet:
    """The boxes of a source; without truth nobody judges them."""
    if source in moment.silent:
        return empty_boxes()
    found, outcome = moment.found[source], moment.outcomes.get(source)
    count = len(found)
    return BoxSet(
        boxes=found.boxes.float(),
        labels=found.labels,
        scores=found.scores.float(),
        partner=torch.full((count,), -1) if outcome is None else outcome.found_partner,
        judged=torch.zeros(count, dtype=torch.bool) if outcome is None else outcome.found_judged,
        tracks=moment.tracks.get(source),
    )


def _partners(moment: Moment) -> dict[str, Tensor]:
    """For each source the prediction that takes each object."""
    if moment.truth is None:
        return {}
    nobody = torch.full((len(moment.truth),), -1)
    return {
        name: moment.outcomes[name].truth_partner if name in moment.outcomes else nobody
        for name in moment.found
    }
