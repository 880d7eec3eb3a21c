"""`drivetr replay` on a small synthetic set and on real keyframes."""

import json
import shutil
import signal
import subprocess
import sys
import urllib.request
from functools import partial
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import torch
from PIL import Image

from drivetr.cli.main import main
from drivetr.cli.replay_predictions import open_predictions
from drivetr.cli.replay_scene import SceneReader
from drivetr.data.nuscenes.index import open_index
from drivetr.engine.api import load_detector
from drivetr.geometry.boxes import CENTER
from drivetr.geometry.rigid import transform_points
from drivetr.visual.layout import lay_out
from drivetr.visual.page import render_frame
from tests.cli.replay_world import (
    CONFIG,
    STREAM_CONFIG,
    VERSION,
    change_results,
    frames_of_page,
    perfect_results,
    random_checkpoint,
)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory):
    """Indexes go to a folder of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def synth(tmp_path_factory: pytest.TempPathFactory, cache: None) -> Path:
    """Two scenes of two keyframes."""
    out = tmp_path_factory.mktemp("synth") / "set"
    options = "--size 48x128 --scenes 2 --val-scenes 1 --frames-per-scene 2 --workers 1"
    assert main(["synth", str(out), *options.split()]) == 0
    return out


@pytest.fixture
def copy(synth: Path, tmp_path: Path) -> Path:
    """The same set, to be damaged."""
    shutil.copytree(synth, tmp_path / "set")
    return tmp_path / "set"


def _scene(dataroot: Path, number: int) -> dict[str, object]:
    return json.loads((dataroot / VERSION / "scene.json").read_text())[number]


def _replay(dataroot: Path, *options: str | Path) -> int:
    words = [str(o) for o in options]
    return main(["replay", str(dataroot), "--version", VERSION, "--width", "640", *words])


class TestOutputs:
    def test_film_and_pictures_of_all_scenes(self, synth: Path, tmp_path: Path) -> None:
        film, folder = tmp_path / "a" / "film.mp4", tmp_path / "pictures"
        assert _replay(synth, "--scene", "all", "--mp4", film, "--png", folder, "--fps", "4") == 0
        names = [str(_scene(synth, n)["name"]) for n in (0, 1)]
        expected = [f"{name}_{i:03d}.png" for name in names for i in (0, 1)]
        assert sorted(p.name for p in folder.iterdir()) == expected
        count, seconds = imageio_ffmpeg.count_frames_and_secs(str(film))
        assert (count, seconds) == (4, 1.0)
        with Image.open(folder / expected[0]) as picture:
            assert picture.width == 640
            assert picture.height % 2 == 0

    def test_first_scene_of_a_split_is_named(
        self, synth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert _replay(synth, "--split", "synth_val", "--png", tmp_path) == 0
        assert str(_scene(synth, 1)["name"]) in capsys.readouterr().out

    def test_results_choose_the_scene_and_are_drawn(self, synth: Path, tmp_path: Path) -> None:
        results = perfect_results(synth, tmp_path / "results.json", scenes=1)
        assert _replay(synth, "--png", tmp_path / "plain") == 0
        assert _replay(synth, "--png", tmp_path / "drawn", "--results", results) == 0
        high = ("--results", results, "--score-threshold", "0.95")
        assert _replay(synth, "--png", tmp_path / "none", *high) == 0
        pictures = [
            np.asarray(Image.open(tmp_path / kind / f"{_scene(synth, 0)['name']}_000.png"))
            for kind in ("plain", "drawn", "none")
        ]
        assert (pictures[0] != pictures[1]).any()
        assert (pictures[1] != pictures[2]).any()

    def test_the_map_is_in_the_pictures(self, copy: Path, tmp_path: Path) -> None:
        for row in json.loads((copy / VERSION / "map.json").read_text()):
            Image.new("L", (9000, 9000), 255).save(copy / row["filename"])
        assert _replay(copy, "--png", tmp_path / "with") == 0
        shutil.rmtree(copy / "maps")
        assert _replay(copy, "--png", tmp_path / "without") == 0
        name = f"{_scene(copy, 0)['name']}_000.png"
        with_map, without = (
            np.asarray(Image.open(tmp_path / kind / name)).astype(int)
            for kind in ("with", "without")
        )
        lighter = (with_map > without).all(axis=2)
        assert lighter.sum() > 10_000
        assert (with_map == without)[~lighter].mean() > 0.99

    def test_missing_image_and_lidar_leave_gaps(
        self,
        copy: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        next((copy / "samples" / "CAM_BACK").iterdir()).unlink()
        cut = next((copy / "samples" / "CAM_FRONT").iterdir())
        cut.write_bytes(cut.read_bytes()[:300])
        absent, shorter, *_ = (copy / "samples" / "LIDAR_TOP").iterdir()
        absent.unlink()
        shorter.write_bytes(shorter.read_bytes()[:-19])  # a byte of the last point is left
        assert _replay(copy, "--scene", "all", "--png", tmp_path / "pictures") == 0
        assert len(list((tmp_path / "pictures").iterdir())) == 4
        assert "2 images could not be read" in capsys.readouterr().out
        assert f"{shorter}: is cut; its points are not drawn" in caplog.messages


class TestRecordings:
    """What is in the files is tested beside their writers; here is which frames they hold."""

    def test_page_of_the_worst_frames_and_of_a_window(
        self, drive: Path, perfect: Path, tmp_path: Path
    ) -> None:
        last = open_index(drive, VERSION).sample(7).token
        results = change_results(
            perfect, tmp_path / "r.json", lambda token, boxes: [] if token == last else boxes
        )
        page, pictures = tmp_path / "worst.html", tmp_path / "worst"
        options = ("--results", results, "--worst", "2", "--html", page, "--png", pictures)
        assert _replay(drive, *options) == 0
        frames = frames_of_page(page)
        assert len(frames) == 2
        assert frames[0]["token"] == last
        names = sorted(path.name for path in pictures.iterdir())
        assert names[0] == f"000_{frames[0]['scene']}_003.png"
        assert _replay(drive, "--from", "0.4", "--to", "1.1", "--html", page) == 0
        assert [round(frame["time_s"], 1) for frame in frames_of_page(page)] == [0.5, 1.0]

    def test_names_stay_names(self, broken_drive: Path, tmp_path: Path) -> None:
        """Markup, other folders and other alphabets in names and tokens of a dataset."""
        name, text = (
            "../../</script><img src=x> Zürich 東京",
            "</script><script>alert('1')</script>",
        )
        for table, field, value in (("scene", "name", name), ("scene", "description", text)):
            path = broken_drive / VERSION / f"{table}.json"
            rows = json.loads(path.read_text())
            rows[0][field] = value
            path.write_text(json.dumps(rows))
        (broken_drive / VERSION / "splits.json").unlink()
        page, folder = tmp_path / "out" / "page.html", tmp_path / "out" / "pictures"
        assert _replay(broken_drive, "--scene", name, "--html", page, "--png", folder) == 0
        written = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*")}
        assert len(written) == 5
        assert sum(p.startswith("pictures/.._.._") and "東京" in p for p in written) == 4
        markup = page.read_text(encoding="utf-8")
        assert "<img" not in markup
        assert "<script>alert" not in markup
        assert {frame["scene"] for frame in frames_of_page(page)} == {name}

    def test_rerun(self, drive: Path, perfect: Path, tmp_path: Path) -> None:
        pytest.importorskip("rerun")
        file = tmp_path / "a.rrd"
        assert _replay(drive, "--to", "0.1", "--results", perfect, "--rrd", file) == 0
        assert file.read_bytes().startswith(b"RRF")

    @pytest.mark.slow
    def test_served_to_this_machine_only(self, drive: Path, perfect: Path) -> None:
        words = ["replay", drive, "--version", VERSION, "--to", "0.1", "--results", perfect]
        command = [sys.executable, "-m", "drivetr.cli.main", *map(str, words), "--serve", "0"]
        # What runs in the background of a shell starts with SIGINT ignored.
        heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, preexec_fn=heed
        ) as process:
            try:
                line = next(text for text in process.stdout if "http://" in text)
                address = line[line.index("http://") :].strip()
                with urllib.request.urlopen(address) as answer:
                    assert "frames" in answer.read().decode()
                port = int(address.rstrip("/").rpartition(":")[2])
                rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
                places = [
                    row[1] for row in rows if row[3] == "0A" and row[1].endswith(f"{port:04X}")
                ]
                assert places == [f"0100007F:{port:04X}"]
                process.send_signal(signal.SIGINT)
                assert process.wait(timeout=20) == 0
            finally:
                process.kill()


@pytest.fixture(scope="module", params=[CONFIG, STREAM_CONFIG], ids=lambda path: path.stem)
def checkpoint(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """The demo's detector, and one with a memory, with random weights."""
    return random_checkpoint(request.param, tmp_path_factory.mktemp("work"))


class TestCheckpoint:
    def test_detections_are_those_of_a_test_run(self, synth: Path, checkpoint: Path) -> None:
        index = open_index(synth, VERSION)
        (source,) = open_predictions([], str(checkpoint), index, split=None)
        loaded = load_detector(checkpoint)
        stream = loaded.predictions(*loaded.open(synth, VERSION, "synth_val"))
        for frame, expected in stream:
            found = source.detections(frame.token, torch.linalg.inv(frame.global_from_lidar))
            assert len(found) > 0
            torch.testing.assert_close(found.boxes, expected.boxes, rtol=1e-3, atol=1e-3)
            torch.testing.assert_close(found.scores, expected.scores, rtol=1e-3, atol=1e-4)

    def test_it_is_drawn(self, synth: Path, checkpoint: Path, tmp_path: Path) -> None:
        options = ("--checkpoint", checkpoint, "--score-threshold", "0", "--png")
        assert _replay(synth, *options, tmp_path / "drawn", "--split", "synth_val") == 0
        assert len(list((tmp_path / "drawn").iterdir())) == 2

    def test_attention_of_a_query_that_is_not_there_is_told(
        self,
        synth: Path,
        checkpoint: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        options = ("--checkpoint", checkpoint, "--to", "0", "--html", tmp_path / "page.html")
        assert _replay(synth, *options, "--attention", "query:99999") == 0
        assert "--attention query:99999 is no prediction of" in capsys.readouterr().err
        assert frames_of_page(tmp_path / "page.html")[0]["stories"] == []
        assert _replay(synth, *options, "--attention", "top:1") == 0
        assert "is no prediction" not in capsys.readouterr().err
        assert len(frames_of_page(tmp_path / "page.html")[0]["stories"]) == 1


class TestMistakes:
    def _sentence(self, capsys: pytest.CaptureFixture[str], status: int) -> str:
        assert status == 2
        line = capsys.readouterr().err.strip().splitlines()[-1]
        assert line.startswith("drivetr replay: ")
        return line

    def test_nothing_to_write(self, synth: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert "--mp4 FILE" in self._sentence(capsys, _replay(synth))

    def test_another_split_and_nothing_in_the_window(
        self, drive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        results = perfect_results(drive, tmp_path / "results.json", scenes=1)
        page = ("--html", tmp_path / "a.html", "--results", results)
        told = [
            self._sentence(capsys, _replay(drive, *page, "--split", split, *scene))
            for split in ("synth_train", "synth_val")
            for scene in ([], ["--scene", "all"])
            if _replay(drive, *page, "--split", split, *scene)
        ]
        assert len(told) == 2
        assert all("which --split synth_" in sentence for sentence in told)
        status = _replay(drive, *page, "--from", "60")
        assert "no frame lies between --from 60" in self._sentence(capsys, status)

    def test_unknown_scene(self, synth: Path, tmp_path: Path, capsys) -> None:
        name = str(_scene(synth, 1)["name"])
        sentence = self._sentence(
            capsys, _replay(synth, "--scene", name[:-1], "--png", tmp_path / "p")
        )
        assert name in sentence

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("--score-threshold", "1.5"),
            ("--score-threshold", "nan"),
            ("--fps", "0"),
            ("--width", "9"),
            ("--range", "-3"),
        ],
    )
    def test_numbers_out_of_range(self, synth: Path, capsys, option: str, value: str) -> None:
        assert option in self._sentence(capsys, _replay(synth, "--png", "p", option, value))

    def test_results_of_another_scene(self, synth: Path, tmp_path: Path, capsys) -> None:
        results = perfect_results(synth, tmp_path / "results.json", scenes=1)
        have, lack = (str(_scene(synth, n)["name"]) for n in (0, 1))
        status = _replay(synth, "--scene", lack, "--results", results, "--png", tmp_path / "p")
        sentence = self._sentence(capsys, status)
        assert "results has no sample of" in sentence
        assert have in sentence

    def test_film_name_and_places(self, synth: Path, tmp_path: Path, capsys) -> None:
        assert ".mp4" in self._sentence(capsys, _replay(synth, "--mp4", "film.avi"))
        (tmp_path / "file").write_text("")
        status = _replay(synth, "--png", tmp_path / "file")
        assert "is a file" in self._sentence(capsys, status)
        status = _replay(synth, "--mp4", tmp_path / "file" / "film.mp4")
        assert "cannot be written" in self._sentence(capsys, status)


class TestRealKeyframes:
    def test_boxes_are_where_the_devkit_has_them(self, nuscenes_real: Path) -> None:
        """Boxes land on the pixels that the devkit's own projection gives, in every camera."""
        from nuscenes import NuScenes
        from nuscenes.eval.detection.utils import category_to_detection_name
        from nuscenes.utils.geometry_utils import view_points

        devkit = NuScenes("v1.0-mini", str(nuscenes_real), verbose=False)
        index = open_index(nuscenes_real, "v1.0-mini")
        scene = next(s for s in index.scenes() if s.name == "scene-0061")
        frame = next(SceneReader(index, [], 0.0).frames(scene))
        tokens = devkit.get("sample", index.sample(scene.first_row).token)["data"]
        checked = 0
        for n, name in enumerate(frame.camera_names):
            _, boxes, intrinsic = devkit.get_sample_data(tokens[name])
            centers = [b.center[:, None] for b in boxes if category_to_detection_name(b.name)]
            theirs = np.array([view_points(c, intrinsic, True)[:2, 0] for c in centers])
            homogeneous = transform_points(
                frame.cameras.img_from_lidar[n], frame.truth.boxes[:, CENTER].double()
            )
            ours = (homogeneous[:, :2] / homogeneous[:, 2:]).numpy()[homogeneous[:, 2] > 1]
            for uv in theirs:
                if (uv > 0).all() and uv[0] < 1600 and uv[1] < 900:
                    assert np.abs(ours - uv).max(axis=1).min() < 0.05
                    checked += 1
        assert checked > 40

    def test_the_truck_is_framed_in_its_panel(self, nuscenes_real: Path) -> None:
        """scene-0061 has a truck ahead to the left: its colour is there and nowhere else."""
        index = open_index(nuscenes_real, "v1.0-mini")
        scene = next(s for s in index.scenes() if s.name == "scene-0061")
        frame = next(SceneReader(index, [], 0.0).frames(scene))
        picture = render_frame(frame, 1920)
        cell = lay_out(frame, 1920).cameras[frame.camera_names.index("CAM_FRONT")]
        panel = picture[cell[1] : cell[3], cell[0] : cell[2]].astype(int)
        orange = np.abs(panel - (250, 139, 0)).max(axis=2) < 30
        _, columns = np.nonzero(orange)
        share = columns / panel.shape[1]
        assert orange.sum() > 300
        assert 0.02 < share.min() < 0.06
        assert (share < 0.45).mean() > 0.95

    def test_dataset_stays_untouched(self, nuscenes_real: Path, tmp_path: Path) -> None:
        before = {p: p.stat().st_mtime_ns for p in nuscenes_real.rglob("*")}
        words = ["replay", str(nuscenes_real), "--version", "v1.0-mini", "--scene", "scene-0103"]
        assert main([*words, "--mp4", str(tmp_path / "a.mp4"), "--width", "960"]) == 0
        assert {p: p.stat().st_mtime_ns for p in nuscenes_real.rglob("*")} == before
