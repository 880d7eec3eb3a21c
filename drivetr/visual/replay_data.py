"""A recording as the plain values that the replay page draws, rounded to what can be seen."""

import base64
import io

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from drivetr.geometry.rigid import invert_rigid, transform_points
from drivetr.structures.ground import GroundMap
from drivetr.visual.layout import ring_rows, viewing_azimuths
from drivetr.visual.palette import OTHER_COLOURS, OUTCOME_COLOURS, class_colour
from drivetr.visual.recording import BoxSet, QueryStory, RecordedFrame, RecordedImage, Recording

# A tenth of a millimetre, a millionth of a heading: below 0.1 pixels for what is in a picture.
_METRE_DIGITS, _HEADING_DIGITS, _SPEED_DIGITS = 4, 6, 2
_BOX_DIGITS = [_METRE_DIGITS] * 6 + [_HEADING_DIGITS] * 2 + [_SPEED_DIGITS] * 2
_CELL_M, _REACH_M, _MAX_POINTS = 0.2, 80.0, 12_000


def recording_data(recording: Recording) -> dict[str, object]:
    """Everything but pictures, points and stories, which the page reads when it needs them."""
    frames, starts = recording.frames, _starts(recording.frames)
    grounds = [recording.maps.get(frame.scene) for frame in frames]
    return {
        "title": recording.title,
        "channels": recording.channels,
        "rows": _rows(recording),
        "sources": recording.sources,
        "descriptions": recording.descriptions,
        "classes": recording.classes,
        "class_colours": [class_colour(name, i) for i, name in enumerate(recording.classes)],
        "outcome_colours": OUTCOME_COLOURS,
        "source_colours": OTHER_COLOURS,
        "threshold": recording.threshold,
        "maps": list(recording.maps),
        "frames": [_frame_data(*known) for known in zip(frames, starts, grounds, strict=True)],
    }


def points_base64(frame: RecordedFrame) -> str | None:
    """Points in ego as 16-bit centimetres x, y, z, low ones first; None where there are none.

    Of the points in a cell of 20 cm only the highest is seen from above; of what is left too many
    are thinned out evenly.
    """
    if frame.points is None or not len(frame.points):
        return None
    points = transform_points(frame.ego_from_lidar.double(), frame.points.double()).numpy()
    points = points[np.abs(points).max(axis=1) < _REACH_M]
    points = points[np.argsort(-points[:, 2], kind="stable")]
    _, highest = np.unique(np.floor(points[:, :2] / _CELL_M), axis=0, return_index=True)
    points = points[np.sort(highest)[::-1]]
    points = points[:: max(1, -(-len(points) // _MAX_POINTS))]
    return _base64(np.rint(points * 100).astype("<i2").tobytes())


def map_base64(ground: GroundMap) -> str:
    """A PNG whose opacity is the share of drivable ground; its colour is the page's."""
    height, width = ground.share.shape
    picture = np.zeros((height, width, 2), np.uint8)
    picture[..., 1] = ground.share
    return _png_base64(picture)


def story_data(story: QueryStory) -> dict[str, object]:
    """Maps as pictures, the cameras one below the other; path and shares as numbers.

    A map's brightness is the square root of the weight over the largest of all cameras, so that
    what is a hundredth of it can still be told from nothing.
    """
    maps = []
    told = [(entry, False) for entry in story.attention]
    for entry, past in told + [(entry, True) for entry in story.past_attention]:
        _, height, width = entry.maps.shape
        weights = entry.maps.detach().double().clamp(min=0).numpy()
        share = np.sqrt(weights / max(weights.max(initial=0.0), 1e-12))
        picture = np.rint(share * 255).astype(np.uint8).reshape(-1, width)
        where = {"layer": entry.layer, "head": entry.head, "past": past}
        maps.append(where | {"height": height, "width": width, "png": _png_base64(picture)})
    return {
        "maps": maps,
        "path": _rounded(story.path, _METRE_DIGITS),
        "shares": _rounded(story.camera_shares, 4),
        "past_shares": None if story.past_shares is None else _rounded(story.past_shares, 4),
    }


def picture_base64(image: RecordedImage) -> str | None:
    """The JPEG; None where the picture is missing."""
    return None if image.jpeg is None else _base64(image.jpeg)


def _rows(recording: Recording) -> list[list[int]]:
    """Cameras in ring order; their places are those of the first frame."""
    if not recording.frames or not recording.channels:
        return []
    first = recording.frames[0]
    matrices = torch.stack([image.img_from_lidar for image in first.images]).double().numpy()
    return ring_rows(viewing_azimuths(matrices, first.ego_from_lidar.double().numpy()).tolist())


def _starts(frames: tuple[RecordedFrame, ...]) -> list[Tensor]:
    """`start_from_ego` of each frame: its place relative to the first one of its scene."""
    starts: list[Tensor] = []
    first, scene = torch.eye(4, dtype=torch.float64), None
    for frame in frames:
        global_from_ego = frame.global_from_lidar.double() @ invert_rigid(
            frame.ego_from_lidar.double()
        )
        if frame.scene != scene:
            first, scene = invert_rigid(global_from_ego), frame.scene
        starts.append(first @ global_from_ego)
    return starts


def _frame_data(
    frame: RecordedFrame, start_from_ego: Tensor, ground: GroundMap | None
) -> dict[str, object]:
    return {
        "token": frame.token,
        "scene": frame.scene,
        "time_s": round(frame.time_s, 3),
        "images": [
            {"size": image.size, "projection": _matrix(image.img_from_lidar)}
            for image in frame.images
        ],
        "up": _rounded(frame.global_from_lidar[2, :3], 9),
        "ego_from_lidar": _matrix(frame.ego_from_lidar),
        "start_from_ego": _matrix(start_from_ego),
        "ego_from_map": _ego_from_map(frame, ground),
        "truth": None if frame.truth is None else _boxes_data(frame.truth),
        "predictions": {name: _boxes_data(found) for name, found in frame.predictions.items()},
        "partners": {name: rows.tolist() for name, rows in frame.partners.items()},
        "notes": frame.notes,
        "stories": [{"source": story.source, "row": story.row} for story in frame.stories],
    }


def _ego_from_map(frame: RecordedFrame, ground: GroundMap | None) -> list[float | None] | None:
    """From (column, row, 0) of the map's picture to ego; None without a map."""
    if ground is None:
        return None
    ego_from_global = frame.ego_from_lidar.double() @ invert_rigid(frame.global_from_lidar.double())
    return _matrix(ego_from_global @ torch.from_numpy(ground.global_from_pixel))


def _boxes_data(boxes: BoxSet) -> dict[str, object]:
    rows = boxes.boxes.detach().double().tolist()
    return {
        "boxes": [
            [_number(round(v, d)) for v, d in zip(row, _BOX_DIGITS, strict=True)] for row in rows
        ],
        "labels": boxes.labels.tolist(),
        # The shortest decimals that mean the same score, so that no threshold parts them.
        "scores": [_number(float(str(score))) for score in boxes.scores.detach().numpy()],
        "partner": boxes.partner.tolist(),
        "judged": boxes.judged.tolist(),
        "tracks": boxes.tracks,
    }


def _matrix(matrix: Tensor) -> list[float | None]:
    """The upper three rows, row by row, with ten digits that count."""
    values = matrix[:3].double().reshape(-1).tolist()
    return [_number(float(f"{value:.10g}")) for value in values]


def _rounded(values: Tensor, digits: int) -> object:
    return np.round(values.detach().double().numpy(), digits).tolist()


def _number(value: float) -> float | None:
    """JSON has no word for what is not finite; the page takes null for it."""
    return value if np.isfinite(value) else None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _png_base64(picture: NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return _base64(buffer.getvalue())
