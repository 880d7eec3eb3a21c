"""Where queries looked, as layers over the pictures in a Rerun recording."""

import cv2
import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from drivetr.visual.palette import ACCENT
from drivetr.visual.recording import AttentionMap, QueryStory, RecordedFrame
from drivetr.visual.rerun_paths import ATTENTION_PATHS, attention_path, entity, query_name
from drivetr.visual.rerun_sdk import rr

_OPACITY = 0.85  # where the heat is greatest
_DRAW_ORDER = 0.0  # above pictures (-10), below lines and boxes


class AttentionLog:
    """Logs the stories of each frame and takes away those of the frame before it.

    Args:
        stream: where to.
    """

    def __init__(self, stream: rr.RecordingStream) -> None:
        self._stream = stream
        self._shown: set[str] = set()

    def log(self, frame: RecordedFrame) -> None:
        """The heat on every picture, and the way of each reference point through the layers."""
        now: dict[str, list[rr.AsComponents]] = {}
        for rank, story in enumerate(frame.stories):
            for attention in story.attention:
                for image, heat in zip(frame.images, _heat(attention), strict=True):
                    path = attention_path(image.channel, story.source, rank, attention)
                    now[path] = _layer(heat, image.size)
            now[ATTENTION_PATHS + entity(story.source, query_name(rank))] = [_way(story)]
        for path in sorted(self._shown - now.keys()):
            self._stream.log(path, rr.Clear(recursive=False))
        for path, layer in now.items():
            self._stream.log(path, *layer)
        self._shown = set(now)


def _heat(attention: AttentionMap) -> Float[NDArray[np.float32], "N H W"]:
    """The maps with the greatest value of all cameras as 1, so that cameras can be compared."""
    maps = attention.maps.detach().float().numpy()
    peak = float(maps.max(initial=0.0))
    return maps / peak if peak > 0 else maps


def _layer(heat: NDArray[np.float32], size: tuple[int, int]) -> list[rr.AsComponents]:
    """A picture with a pixel for each cell, transparent where it is cold, spread over the image."""
    levels = (heat * 255).astype(np.uint8)
    colours = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)
    alpha = (heat * (_OPACITY * 255)).astype(np.uint8)
    _, encoded = cv2.imencode(".png", np.dstack([colours, alpha]))
    picture = rr.EncodedImage(
        contents=encoded.tobytes(), media_type="image/png", draw_order=_DRAW_ORDER
    )
    stretch = [size[1] / heat.shape[1], size[0] / heat.shape[0], 1.0]
    return [picture, rr.Transform3D(scale=stretch)]


def _way(story: QueryStory) -> rr.LineStrips3D:
    """The reference point's path."""
    points = story.path.detach().double().numpy()
    width = rr.Radius.ui_points(2.0)
    return rr.LineStrips3D([points[np.isfinite(points).all(axis=1)]], colors=ACCENT, radii=width)
