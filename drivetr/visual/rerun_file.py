"""A recording as a file for Rerun's viewer (https://rerun.io): scene, cameras, errors over time."""

from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from drivetr.errors import DrivetrError
from drivetr.files import atomic_path
from drivetr.geometry.rigid import invert_rigid
from drivetr.visual.palette import EGO as EGO_COLOUR
from drivetr.visual.palette import MUTED, OTHER_COLOURS, PANEL, mix
from drivetr.visual.recording import RecordedFrame, Recording, empty_boxes, frame_errors
from drivetr.visual.rerun_attention import AttentionLog
from drivetr.visual.rerun_blueprint import make_blueprint
from drivetr.visual.rerun_boxes import prediction_layers, truth_layers
from drivetr.visual.rerun_cameras import log_camera, log_overhead, log_rings
from drivetr.visual.rerun_map import log_map
from drivetr.visual.rerun_paths import (
    EGO,
    EGO_PATH,
    ERROR_COUNTS,
    ERROR_METRES,
    NOTES,
    POINTS,
    REFERENCE,
    TRUTH,
    WORLD,
    band_path,
    entity,
    score_bands,
)
from drivetr.visual.rerun_sdk import rr

_APPLICATION = "drivetr"
_SCENE_GAP_S = 1.0  # on the clock, between frames that do not follow each other
_EGO_ARROW_M = 3.0


def write_rrd(recording: Recording, path: str | Path, range_m: float = 50.0) -> None:
    """Writes a recording as `.rrd`, which `rerun FILE` and the web viewer of rerun-sdk open.

    `rerun_paths` has the entities. The timelines are `frame`, the number in the recording from 0,
    and `clock`, seconds of all scenes one after the other.

    Args:
        recording: what is shown.
        path: of the file, which appears whole or not at all.
        range_m: how far the view from above reaches, in metres.

    Raises:
        DrivetrError: the file cannot be written.
    """
    rr.set_strict_mode(True)  # a mistake raises, it is not only logged
    with atomic_path(path) as temporary:
        stream = rr.RecordingStream(_APPLICATION, recording_id=recording.title or None)
        try:
            stream.save(temporary, default_blueprint=make_blueprint(recording))
        except RuntimeError as error:
            raise DrivetrError(f"{path} cannot be written ({error})") from error
        stream.send_recording_name(recording.title)
        _RerunWriter(stream, recording).write(range_m)
        stream.disconnect()


class _RerunWriter:
    """Logs the frames of a recording.

    Args:
        stream: where to.
        recording: what is shown.
    """

    def __init__(self, stream: rr.RecordingStream, recording: Recording) -> None:
        self._stream = stream
        self._recording = recording
        self._attention = AttentionLog(stream)
        self._bands = score_bands(recording.threshold)

    def write(self, range_m: float) -> None:
        """Logs everything."""
        self._stream.log(WORLD, rr.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
        log_rings(self._stream, range_m)
        self._log_series()
        before: RecordedFrame | None = None
        clock, origin = 0.0, torch.zeros(3, dtype=torch.float64)
        for number, frame in enumerate(tqdm(self._recording.frames, "rerun", unit="frame")):
            if before is not None:
                clock += _step_s(before, frame)
            self._stream.set_time("frame", sequence=number)
            self._stream.set_time("clock", duration=clock)
            if before is None or before.scene != frame.scene:
                origin = frame.global_from_lidar[:3, 3].double()
                self._log_path(frame.scene, origin)
                log_map(self._stream, self._recording.maps.get(frame.scene), origin.numpy())
            self._log_frame(frame, origin)
            before = frame

    def _log_frame(self, frame: RecordedFrame, origin: torch.Tensor) -> None:
        pose = frame.global_from_lidar.double()
        self._stream.log(
            REFERENCE,
            rr.Transform3D(translation=(pose[:3, 3] - origin).numpy(), mat3x3=pose[:3, :3].numpy()),
        )
        self._log_ego(frame)
        for image in frame.images:
            log_camera(self._stream, image)
        log_overhead(self._stream, frame.ego_from_lidar)
        self._log_points(frame)
        self._log_boxes(frame)
        self._log_errors(frame)
        self._attention.log(frame)
        description = self._recording.descriptions.get(frame.scene, "")
        lines = [frame.scene, description, f"{frame.time_s:.1f} s", frame.token, *frame.notes]
        self._stream.log(NOTES, rr.TextDocument("\n".join(filter(None, lines))))

    def _log_path(self, scene: str, origin: torch.Tensor) -> None:
        """The way of the car through a scene."""
        frames = [frame for frame in self._recording.frames if frame.scene == scene]
        frames.sort(key=lambda frame: frame.time_s)
        poses = [
            f.global_from_lidar.double() @ invert_rigid(f.ego_from_lidar.double()) for f in frames
        ]
        points = (torch.stack(poses)[:, :3, 3] - origin).numpy()
        width = rr.Radius.ui_points(1.5)
        self._stream.log(EGO_PATH, rr.LineStrips3D([points], colors=MUTED, radii=width))

    def _log_ego(self, frame: RecordedFrame) -> None:
        """Where the car is, and where it heads."""
        lidar_from_ego = invert_rigid(frame.ego_from_lidar.double())
        arrow = rr.Arrows3D(
            origins=lidar_from_ego[None, :3, 3].numpy(),
            vectors=_EGO_ARROW_M * lidar_from_ego[None, :3, 0].numpy(),
            colors=EGO_COLOUR,
            radii=rr.Radius.ui_points(2.0),
        )
        self._stream.log(EGO, arrow)

    def _log_points(self, frame: RecordedFrame) -> None:
        points = np.zeros((0, 3)) if frame.points is None else frame.points.numpy()
        cloud = rr.Points3D(points, colors=MUTED, radii=rr.Radius.ui_points(0.7))
        self._stream.log(POINTS, cloud)

    def _log_boxes(self, frame: RecordedFrame) -> None:
        classes, sources = self._recording.classes, self._recording.sources
        up = frame.global_from_lidar[2, :3]
        truth = empty_boxes() if frame.truth is None else frame.truth
        self._log_layers(TRUTH, truth_layers(truth, up, classes, alone=not sources))
        for member, source in enumerate(sources):
            found = frame.predictions.get(source, empty_boxes())
            for band in self._bands:
                chosen = band.holds(found.scores)
                layers = prediction_layers(found, chosen, up, classes, member, len(sources))
                self._log_layers(band_path(source, band), layers)

    def _log_layers(self, path: str, layers: dict[str, rr.AsComponents]) -> None:
        for name, layer in layers.items():
            self._stream.log(path + (entity(name) if name else ""), layer)

    def _log_series(self) -> None:
        """The look of the curves, once."""
        for member, source in enumerate(self._recording.sources):
            colour = OTHER_COLOURS[member % len(OTHER_COLOURS)]
            faint = mix(colour, PANEL, 0.5)
            for path, name, tint in (
                (ERROR_COUNTS + entity(source, "misses"), f"misses, {source}", colour),
                (ERROR_COUNTS + entity(source, "false"), f"false predictions, {source}", faint),
                (ERROR_METRES + entity(source), f"centres of hits, {source}", colour),
            ):
                look = rr.SeriesLines(names=name, colors=tint, widths=2)
                self._stream.log(path, look, static=True)

    def _log_errors(self, frame: RecordedFrame) -> None:
        if frame.truth is None:
            return
        for source in frame.predictions:
            errors = frame_errors(frame, source, self._recording.threshold)
            counts = ERROR_COUNTS + entity(source)
            self._stream.log(counts + entity("misses"), rr.Scalars(errors.misses))
            self._stream.log(counts + entity("false"), rr.Scalars(errors.false))
            self._stream.log(ERROR_METRES + entity(source), rr.Scalars(errors.centre_m))


def _step_s(before: RecordedFrame, frame: RecordedFrame) -> float:
    """How far the clock goes on; frames may be in another order than that of time."""
    later = frame.time_s - before.time_s
    return later if frame.scene == before.scene and later > 0 else _SCENE_GAP_S
