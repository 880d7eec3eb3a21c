"""What a replay writes: pictures while it reads, and a recording at the end."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from drivetr.cli.replay_moments import Moment
from drivetr.cli.replay_recording import FrameRecorder
from drivetr.cli.replay_scene import SceneReader
from drivetr.data.nuscenes.index import CameraRecord
from drivetr.errors import DrivetrError
from drivetr.structures.ground import GroundMap
from drivetr.visual.frames import ReplayFrame
from drivetr.visual.mp4 import Mp4Stream, open_mp4
from drivetr.visual.page import render_frame
from drivetr.visual.png import write_png
from drivetr.visual.recording import RecordedFrame


@dataclass(frozen=True)
class PictureOptions:
    """Where and how pictures are drawn.

    Attributes:
        mp4: the film, None for none.
        png: folder of single pictures, None for none.
        fps: frames a second of the film.
        width: of the picture in pixels.
        range_m: metres that the view from above reaches.
        ranked: pictures are numbered by their order here, and not by their place in the scene.
    """

    mp4: Path | None
    png: Path | None
    fps: float
    width: int
    range_m: float
    ranked: bool = False


class PictureWriter:
    """Draws frames into a film and a folder of pictures; made by `open_pictures`."""

    def __init__(self, options: PictureOptions, film: Mp4Stream | None) -> None:
        self._options = options
        self._film = film
        self._size: tuple[int, ...] = ()
        self._count = 0

    def add(self, frame: ReplayFrame) -> None:
        """Draws one frame.

        Raises:
            DrivetrError: a film is written and the frame has another size than those before.
        """
        options = self._options
        picture = render_frame(frame, options.width, options.range_m)
        if options.png is not None:
            rank = f"{self._count:03d}_" if options.ranked else ""
            write_png(options.png / f"{rank}{file_name(frame)}.png", picture)
        self._count += 1
        if self._film is None:
            return
        self._size = self._size or picture.shape
        if picture.shape != self._size:
            raise DrivetrError(
                f"{frame.scene} has other cameras than the scenes before it and a film has"
                f" one size: replay it by itself with --scene {frame.scene}"
            )
        self._film.add(picture)


def file_name(frame: ReplayFrame) -> str:
    """Scene and number of a frame, without what leads to other folders or offends file systems."""
    scene = re.sub(r'[/\\:*?"<>|\x00-\x1f]', "_", frame.scene)
    return f"{scene}_{frame.number - 1:03d}"


@contextmanager
def open_pictures(options: PictureOptions) -> Iterator[PictureWriter | None]:
    """A writer whose film appears when the body ends well; None where no picture is wanted."""
    if options.mp4 is None:
        yield PictureWriter(options, None) if options.png is not None else None
    else:
        with open_mp4(options.mp4, options.fps) as film:
            yield PictureWriter(options, film)


def show(
    moments: Iterable[Moment],
    reader: SceneReader,
    rigs: Mapping[str, dict[str, CameraRecord]],
    maps: Mapping[str, GroundMap],
    pictures: PictureWriter | None,
    recorder: FrameRecorder | None,
) -> Iterator[RecordedFrame]:
    """Reads the sensors of moments once, draws them, and gives the frames of a recording.

    Args:
        moments: in the order in which they are shown.
        reader: of the sensors.
        rigs: the cameras of each scene by its name; a recording has the cameras of all scenes.
        maps: of the scenes that have one, by their name.
        pictures: draws them, if any are wanted.
        recorder: makes recorded frames, if any are wanted.
    """
    everywhere = join_rigs(rigs.values())
    for moment in moments:
        views, points = reader.look(moment, everywhere), reader.points(moment.sample)
        if pictures is not None:
            shown = {channel: views[channel] for channel in rigs[moment.scene.name]}
            ground = maps.get(moment.scene.name)
            pictures.add(reader.draw(moment, shown, points, ground))
        if recorder is not None:
            yield recorder.frame(moment, views, points)


def join_rigs(rigs: Iterable[dict[str, CameraRecord]]) -> dict[str, CameraRecord]:
    """The cameras of several scenes, of each channel the last."""
    return {channel: camera for rig in rigs for channel, camera in rig.items()}
