"""How a Rerun recording opens: cameras as they sit on the car, scene, view from above, errors."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from drivetr.visual.layout import ring_rows, viewing_azimuths
from drivetr.visual.palette import HAIRLINE, PAGE
from drivetr.visual.recording import Recording
from drivetr.visual.rerun_paths import (
    ATTENTION_PATHS,
    EGO,
    EGO_PATH,
    ERROR_COUNTS,
    ERROR_METRES,
    MAP,
    NOTES,
    OVERHEAD,
    POINTS,
    PREDICTIONS,
    REFERENCE,
    TRUTH,
    WORLD,
    attention_path,
    attention_root,
    band_path,
    camera_path,
    score_bands,
)
from drivetr.visual.rerun_sdk import rr, rrb

_GRID_M = 10.0
_HIDDEN = rrb.EntityBehavior(visible=False)
Overrides = dict[str, Any]


def make_blueprint(recording: Recording) -> rrb.Blueprint:
    """The arrangement; predictions below the recording's threshold are hidden at first."""
    hidden = _faint_bands(recording)
    cameras = _grid(recording, "cameras", lambda channel: _no_attention([channel]) | hidden)
    if any(frame.stories for frame in recording.frames):
        cameras = rrb.Tabs(cameras, _attention_grid(recording), active_tab=0, name="pictures")
    scene = rrb.Spatial3DView(
        origin=REFERENCE,
        name="scene",
        contents=[f"{WORLD}/**", f"- {OVERHEAD}/**"],
        overrides=_without_words(recording, hidden) | _no_attention(recording.channels),
        background=PAGE,
        line_grid=_ground(recording),
    )
    left = rrb.Vertical(cameras, scene, row_shares=[1, 1], name="cameras and scene")
    right = rrb.Vertical(
        *_right_side(hidden, recording), row_shares=_shares(recording), name="above and errors"
    )
    return rrb.Blueprint(
        rrb.Horizontal(left, right, column_shares=[5, 3], name=recording.title),
        rrb.BlueprintPanel(state="collapsed"),
        rrb.SelectionPanel(state="collapsed"),
        rrb.TimePanel(state="collapsed"),
    )


def _faint_bands(recording: Recording) -> Overrides:
    return {
        band_path(source, band): _HIDDEN
        for source in recording.sources
        for band in score_bands(recording.threshold)
        if band.high <= recording.threshold
    }


def _without_words(recording: Recording, hidden: Overrides) -> Overrides:
    """In the scene the words beside boxes would cover them; one reads them by pointing."""
    bands = score_bands(recording.threshold)
    paths = [band_path(source, band) for source in recording.sources for band in bands]
    quiet = rr.Boxes3D.from_fields(show_labels=False)
    return {path: [quiet, hidden[path]] if path in hidden else quiet for path in [TRUTH, *paths]}


def _ground(recording: Recording) -> rrb.archetypes.LineGrid3D:
    """A grid on the road, which is at height 0 of ego."""
    height = 0.0
    if recording.frames:
        height = -float(recording.frames[0].ego_from_lidar[2, 3])
    plane = [0.0, 0.0, 1.0, height]  # its normal, and how far along it
    return rrb.archetypes.LineGrid3D(spacing=_GRID_M, plane=plane, color=HAIRLINE, stroke_width=1.0)


def _has_errors(recording: Recording) -> bool:
    """Where truth and predictions are there to be compared."""
    return bool(recording.sources) and any(f.truth is not None for f in recording.frames)


def _shares(recording: Recording) -> list[float]:
    """Of the height; the curves of two sources need room beside their legends."""
    return [5, 1.9, 1.5, 1.2] if _has_errors(recording) else [5, 1]


def _right_side(hidden: Overrides, recording: Recording) -> list[rrb.View]:
    """View from above, curves of errors, words."""
    above = rrb.Spatial2DView(
        origin=OVERHEAD,
        name="from above",
        contents=["$origin/**", *_drawn(), *(f"+ {path}" for path in (POINTS, EGO, EGO_PATH, MAP))],
        overrides=_without_words(recording, hidden),
        background=PAGE,
    )
    words = rrb.TextDocumentView(origin=NOTES, name="frame")
    if not _has_errors(recording):
        return [above, words]
    score = f"score ≥ {recording.threshold:g}"
    counts = rrb.TimeSeriesView(origin=ERROR_COUNTS, name=f"errors, {score}")
    metres = rrb.TimeSeriesView(origin=ERROR_METRES, name=f"distance of hits in m, {score}")
    return [above, counts, metres, words]


def _drawn() -> list[str]:
    """What of the reference frame is drawn into every picture."""
    return [f"+ {path}/**" for path in (TRUTH, PREDICTIONS, ATTENTION_PATHS)]


def _grid(recording: Recording, name: str, overrides: Callable[[str], Overrides]) -> rrb.Container:
    """The cameras in rows as one in the car would lay them out."""
    rows = [[recording.channels[i] for i in row] for row in _rows(recording)]
    views = [
        [
            rrb.Spatial2DView(
                origin=camera_path(channel),
                name=channel,
                contents=["$origin/**", *_drawn()],
                overrides=overrides(channel),
            )
            for channel in row
        ]
        for row in rows
    ]
    return rrb.Vertical(
        *(rrb.Horizontal(*row, name=f"row {i}") for i, row in enumerate(views, start=1)), name=name
    )


def _rows(recording: Recording) -> list[list[int]]:
    if not recording.frames or not recording.channels:
        return []
    first = recording.frames[0]
    projections = np.stack([i.img_from_lidar.double().numpy() for i in first.images])
    return ring_rows(viewing_azimuths(projections, first.ego_from_lidar.numpy()).tolist())


def _no_attention(channels: Iterable[str]) -> Overrides:
    return {attention_root(channel): _HIDDEN for channel in channels}


def _attention_grid(recording: Recording) -> rrb.Container:
    """The pictures once more, with the first map of the first query over them and little else."""
    story = next(story for frame in recording.frames for story in frame.stories)
    shown = rrb.EntityBehavior(visible=True)

    def overrides(channel: str) -> Overrides:
        paths = (attention_path(channel, story.source, 0, m) for m in story.attention[:1])
        return _no_attention([channel]) | dict.fromkeys(paths, shown) | {TRUTH: _HIDDEN}

    return _grid(recording, "attention", overrides)
