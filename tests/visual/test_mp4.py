"""Films probed by ffmpeg itself, and by reading the boxes of the MP4 file."""

import re
import struct
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from drivetr.errors import DrivetrError
from drivetr.visual.mp4 import open_mp4
from tests.browser import Visitor
from tests.visual.replay_window import decoded


def _film(path: Path, frames: int = 7, size: tuple[int, int] = (64, 96), fps: float = 2.0) -> None:
    with open_mp4(path, fps) as film:
        for i in range(frames):
            film.add(np.full((*size, 3), (200, 30 * i, 40), dtype=np.uint8))


def _film_that_breaks(path: Path) -> None:
    with open_mp4(path, 2.0) as film:
        film.add(np.zeros((64, 96, 3), dtype=np.uint8))
        raise KeyError("stop")


def _probe(path: Path) -> str:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def _top_level_boxes(path: Path) -> list[str]:
    data, at, names = path.read_bytes(), 0, []
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        names.append(data[at + 4 : at + 8].decode())
        at += length
    return names


@pytest.mark.slow  # a browser starts
def test_a_browser_plays_it(visitor: Visitor, tmp_path: Path) -> None:
    """The film begins by itself, ends where it should, and shows the film's colour."""
    _film(tmp_path / "film.mp4", frames=4, size=(144, 256), fps=8.0)
    page_file = tmp_path / "page.html"
    page_file.write_text(
        "<!doctype html><link rel=icon href=data:,><video src=film.mp4 muted autoplay></video>"
    )
    page = visitor.visit(page_file)
    told = page.evaluate(
        """async () => {
            const video = document.querySelector("video");
            const times = [];
            video.addEventListener("timeupdate", () => times.push(video.currentTime));
            if (!video.ended) await new Promise((end) => {
                for (const name of ["ended", "error"]) video.addEventListener(name, end);
            });
            return {
                error: video.error?.message ?? null, size: [video.videoWidth, video.videoHeight],
                end: video.currentTime, seconds: video.duration, times,
            };
        }"""
    )
    assert told["error"] is None
    assert told["size"] == [256, 144]
    assert told["seconds"] == told["end"] == 0.5
    assert told["times"] == sorted(told["times"])
    shot = decoded(page.locator("video").screenshot()).astype(float)
    assert np.abs(shot.mean(axis=(0, 1)) - (200, 90, 40)).max() < 6
    assert visitor.complaints == []


class TestOpenMp4:
    def test_what_players_need(self, tmp_path: Path) -> None:
        path = tmp_path / "film.mp4"
        _film(path)
        stream = _probe(path)
        assert "Video: h264" in stream
        assert "yuv420p(tv, bt709, progressive)" in stream
        assert "96x64" in stream
        assert " 2 fps" in stream
        duration = re.search(r"Duration: 00:00:(\d+\.\d+)", stream)
        assert duration is not None
        assert float(duration.group(1)) == 3.5
        assert imageio_ffmpeg.count_frames_and_secs(str(path))[0] == 7
        boxes = _top_level_boxes(path)
        assert boxes.index("moov") < boxes.index("mdat")

    def test_colours_come_back(self, tmp_path: Path) -> None:
        _film(tmp_path / "film.mp4", frames=3)
        reader = imageio_ffmpeg.read_frames(str(tmp_path / "film.mp4"))
        next(reader)
        for i in range(3):
            picture = np.frombuffer(next(reader), np.uint8).reshape(64, 96, 3)
            error = np.abs(picture.reshape(-1, 3).mean(axis=0) - (200, 30 * i, 40))
            assert error.max() < 4
        reader.close()

    def test_odd_sizes_become_even(self, tmp_path: Path) -> None:
        _film(tmp_path / "film.mp4", frames=1, size=(63, 95))
        assert "96x64" in _probe(tmp_path / "film.mp4")

    def test_same_bytes_twice(self, tmp_path: Path) -> None:
        _film(tmp_path / "a.mp4")
        _film(tmp_path / "b.mp4")
        assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()

    def test_an_error_leaves_the_old_film(self, tmp_path: Path) -> None:
        path = tmp_path / "film.mp4"
        path.write_bytes(b"old")
        with pytest.raises(KeyError):
            _film_that_breaks(path)
        assert path.read_bytes() == b"old"
        assert [p.name for p in tmp_path.iterdir()] == ["film.mp4"]

    def test_no_picture(self, tmp_path: Path) -> None:
        with pytest.raises(DrivetrError, match="no picture"), open_mp4(tmp_path / "film.mp4", 2.0):
            pass
        assert list(tmp_path.iterdir()) == []

    def test_a_picture_of_another_size(self, tmp_path: Path) -> None:
        with open_mp4(tmp_path / "film.mp4", 2.0) as film:
            film.add(np.zeros((64, 96, 3), dtype=np.uint8))
            with pytest.raises(ValueError, match="cannot take"):
                film.add(np.zeros((64, 98, 3), dtype=np.uint8))
