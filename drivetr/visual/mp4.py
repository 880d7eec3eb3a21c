"""Films as MP4 files that play everywhere: H.264, yuv420p, even sizes, index at the front."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import imageio_ffmpeg
import numpy as np

from drivetr.errors import DrivetrError
from drivetr.files import atomic_path
from drivetr.visual.text import Canvas

_COLOURS = "range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709"


class Mp4Stream:
    """Takes pictures one by one and hands them to the encoder."""

    def __init__(self, path: Path, fps: float) -> None:
        """Opens the encoder at the first picture, which sets the size."""
        self._path, self._fps = path, fps
        self._encoder: Generator[None, bytes, None] | None = None
        self._size = (0, 0)

    def add(self, image: Canvas) -> None:
        """Adds an RGB picture (H, W, 3); odd sizes are padded by their last row or column.

        Raises:
            ValueError: if the size differs from that of the first picture.
            DrivetrError: if the encoder stops.
        """
        height, width = image.shape[:2]
        even = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        if self._encoder is None:
            self._size = (even.shape[1], even.shape[0])
            self._encoder = _open_encoder(self._path, self._size, self._fps)
        if (even.shape[1], even.shape[0]) != self._size:
            raise ValueError(f"a film of {self._size} cannot take a picture of {even.shape[:2]}")
        try:
            self._encoder.send(np.ascontiguousarray(even).tobytes())
        except OSError as error:
            raise DrivetrError(f"the encoder of {self._path.name} stopped: {error}") from error

    def close(self) -> None:
        """Ends the encoder, which writes what it still holds."""
        if self._encoder is not None:
            self._encoder.close()

    @property
    def empty(self) -> bool:
        """Whether no picture was added."""
        return self._encoder is None


@contextmanager
def open_mp4(path: Path, fps: float) -> Iterator[Mp4Stream]:
    """A stream whose film appears at `path` when the body ends well, and not at all otherwise.

    Raises:
        DrivetrError: if no picture was added.
    """
    with atomic_path(path) as temporary:
        stream = Mp4Stream(temporary, fps)
        try:
            yield stream
        finally:
            stream.close()
        if stream.empty:
            raise DrivetrError(f"there is no picture to write to {path}")


def _open_encoder(path: Path, size: tuple[int, int], fps: float) -> Generator[None, bytes, None]:
    # bt709 is what players assume of H.264; without it reds turn orange. A key picture every two
    # seconds makes seeking quick; bitexact keeps versions and dates out of the file.
    encoder = imageio_ffmpeg.write_frames(
        str(path),
        size,
        fps=fps,
        codec="libx264",
        pix_fmt_in="rgb24",
        pix_fmt_out="yuv420p",
        macro_block_size=2,
        ffmpeg_log_level="error",
        output_params=[
            *("-vf", f"scale=out_color_matrix=bt709:out_range=tv,setparams={_COLOURS}"),
            *("-crf", "18", "-preset", "medium", "-g", str(max(1, round(2 * fps)))),
            *("-movflags", "+faststart", "-fflags", "+bitexact", "-flags:v", "+bitexact"),
        ],
    )
    encoder.send(None)
    return encoder
