"""Where things are in a Rerun recording.

/world is the global frame, moved so that each scene begins near the origin, since Rerun counts in
32 bits. Below it /world/reference is the frame of the boxes, which moves with the car, and in that
each camera is a pinhole: Rerun composes the transforms on the way from a box to a picture. The view
from above is such a camera too, high over the car.
"""

from dataclasses import dataclass
from math import inf

from jaxtyping import Bool
from torch import Tensor

from drivetr.visual.recording import AttentionMap
from drivetr.visual.rerun_sdk import rr

_BAND_EDGES = (0.0, 0.1, 0.3, 0.5, 0.7)


def entity(*parts: str) -> str:
    """The path of an entity; parts are names from anywhere, which are escaped.

    A letter of any alphabet stays as it is. A symbol such as an emoji is shown by its number, as
    Rerun 0.23 does not read its own escape of such back.
    """
    return "/" + "/".join(rr.escape_entity_path_part(part or "_") for part in parts)


WORLD = entity("world")
EGO_PATH = entity("world", "ego_path")
MAP = entity("world", "map")
REFERENCE = entity("world", "reference")
EGO = entity("world", "reference", "ego")
POINTS = entity("world", "reference", "lidar")
TRUTH = entity("world", "reference", "truth")
PREDICTIONS = entity("world", "reference", "predictions")
CAMERAS = entity("world", "reference", "cameras")
OVERHEAD = entity("world", "reference", "overhead")
ATTENTION_PATHS = entity("world", "reference", "attention")
ERROR_COUNTS = entity("errors", "count")
ERROR_METRES = entity("errors", "metres")
NOTES = entity("notes")


def camera_path(channel: str) -> str:
    """Of a camera."""
    return CAMERAS + entity(channel)


def image_path(channel: str) -> str:
    """Of a camera's picture."""
    return camera_path(channel) + entity("image")


def query_name(rank: int) -> str:
    """Of the `rank`-th query of a frame that was asked for."""
    return f"query_{rank:02d}"


def attention_root(channel: str) -> str:
    """Above all attention maps on a camera."""
    return camera_path(channel) + entity("attention")


def attention_path(channel: str, source: str, rank: int, attention: AttentionMap) -> str:
    """Of one attention map of a query on a camera."""
    layer = "mean_of_layers" if attention.layer < 0 else f"layer_{attention.layer}"
    head = "mean_of_heads" if attention.head < 0 else f"head_{attention.head}"
    return attention_root(channel) + entity(source, query_name(rank), layer, head)


@dataclass(frozen=True)
class ScoreBand:
    """Predictions with low <= score < high, which are switched on and off together."""

    low: float
    high: float

    @property
    def name(self) -> str:
        """Such as `score_0.3_to_0.5`, and `score_from_0.7` for the highest."""
        if self.high == inf:
            return f"score_from_{self.low:g}"
        return f"score_{self.low:g}_to_{self.high:g}"

    def holds(self, scores: Tensor) -> Bool[Tensor, "M"]:
        """Which of the scores (M,) are in the band."""
        return (scores >= self.low) & (scores < self.high)


def score_bands(threshold: float) -> tuple[ScoreBand, ...]:
    """Bands that cover all scores once; the threshold is one of the edges."""
    edges = sorted({*_BAND_EDGES, threshold})
    return tuple(map(ScoreBand, edges, [*edges[1:], inf]))


def band_path(source: str, band: ScoreBand) -> str:
    """Of the predictions of a source in a band of scores."""
    return PREDICTIONS + entity(source, band.name)
