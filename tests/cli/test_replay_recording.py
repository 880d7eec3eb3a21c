"""Recordings hold what the dataset and the submissions hold."""

import io
import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from drivetr.cli.replay_predictions import open_predictions
from drivetr.cli.replay_recording import FrameRecorder, join_frames
from drivetr.cli.replay_scene import SceneReader
from drivetr.cli.replay_write import join_rigs, show
from drivetr.data.nuscenes.index import open_index
from drivetr.engine.story_choice import parse_choice
from drivetr.visual.recording import Recording, frame_errors
from tests.cli.replay_world import (
    CONFIG,
    STREAM_CONFIG,
    VERSION,
    change_results,
    random_checkpoint,
)


def record(
    dataroot: Path,
    results: list[Path] = [],  # noqa: B006  # never changed
    width: int = 800,
    checkpoint: Path | None = None,
    attention: str | None = None,
    version: str = VERSION,
    backwards: bool = False,
    scenes: int | None = None,
) -> Recording:
    index = open_index(dataroot, version)
    choice = None if attention is None else parse_choice(attention)
    paths, weights = [str(path) for path in results], checkpoint and str(checkpoint)
    reader = SceneReader(index, open_predictions(paths, weights, index, None, choice), 0.3)
    chosen = index.scenes()[:scenes]
    rigs = {scene.name: reader.rig(scene) for scene in chosen}
    moments = [moment for scene in chosen for moment in reader.moments.of(scene)]
    if backwards:
        moments.reverse()
    frames = show(moments, reader, rigs, {}, None, FrameRecorder(reader, width))
    names = reader.moments.names
    return join_frames(
        frames, chosen, version, join_rigs(rigs.values()), names, 0.3, reader.maps(rigs)
    )


def test_pictures_that_fit_are_the_files_themselves(drive: Path) -> None:
    recording = record(drive)
    index = open_index(drive, VERSION)
    for row, frame in enumerate(recording.frames):
        files = {camera.channel: camera.filename for camera in index.sample(row).cameras}
        assert [image.channel for image in frame.images] == list(recording.channels)
        for image in frame.images:
            assert image.jpeg == (drive / files[image.channel]).read_bytes()
            assert image.size == (48, 128)


def test_wide_pictures_shrink_with_their_calibration(drive: Path) -> None:
    for whole, small in zip(record(drive).frames, record(drive, width=64).frames, strict=True):
        for before, after in zip(whole.images, small.images, strict=True):
            picture = Image.open(io.BytesIO(after.jpeg))
            assert (picture.height, picture.width) == after.size == (24, 64)
            point = torch.tensor([5.0, 1.0, 0.5, 1.0]).double()
            old, new = before.img_from_lidar @ point, after.img_from_lidar @ point
            torch.testing.assert_close(new[:2] / new[2], old[:2] / old[2] / 2)
            assert new[2] == old[2]
            expected = Image.open(io.BytesIO(before.jpeg)).convert("RGB").resize((64, 24), 4)
            gap = torch.tensor(list(picture.convert("L").tobytes())).double()
            gap -= torch.tensor(list(expected.convert("L").tobytes()))
            assert gap.abs().mean() < 6


def test_gaps_are_told_and_the_timeline_stays(
    drive: Path, broken_drive: Path, perfect: Path
) -> None:
    """A missing and a cut picture, a camera that one scene lacks, a frame without results."""
    index = open_index(drive, VERSION)  # of the same set, as it was
    whole = record(drive)
    first = {camera.channel: camera.filename for camera in index.sample(0).cameras}
    (broken_drive / first["CAM_BACK"]).unlink()
    cut = broken_drive / first["CAM_FRONT"]
    cut.write_bytes(cut.read_bytes()[:300])
    table = broken_drive / VERSION / "sample_data.json"
    later = {index.sample(row).token for row in range(4, 8)}
    gone = {camera.filename for camera in index.sample(4).cameras if "BACK_LEFT" in camera.channel}
    channel = next(iter(gone)).split("/")[1]
    rows = json.loads(table.read_text())
    kept = [
        r for r in rows if r["sample_token"] not in later or f"/{channel}/" not in r["filename"]
    ]
    assert len(kept) == len(rows) - 4
    table.write_text(json.dumps(kept))
    skipped = index.sample(5).token
    results = change_results(
        perfect, broken_drive / "r.json", lambda token, boxes: None if token == skipped else boxes
    )
    recording = record(broken_drive, [results])
    assert [f.token for f in recording.frames] == [f.token for f in whole.frames]
    assert [f.time_s for f in recording.frames] == [f.time_s for f in whole.frames]
    frames = recording.frames
    assert all(len(frame.images) == 6 for frame in frames)
    assert [i.channel for i in frames[0].images if i.jpeg is None] == ["CAM_FRONT", "CAM_BACK"]
    assert frames[0].notes == ("no picture of CAM_FRONT, CAM_BACK",)
    assert frames[1].notes == ()
    assert frames[4].notes == (f"no picture of {channel}",)
    assert frames[5].notes[0] == "no result for this frame in r"
    assert len(frames[5].predictions["r"]) == 0
    assert (frames[5].partners["r"] == -1).all()


def test_boxes_and_partners(drive: Path, perfect: Path, tmp_path: Path) -> None:
    half = change_results(perfect, tmp_path / "half.json", lambda _, boxes: boxes[::2])
    none = change_results(perfect, tmp_path / "none.json", lambda _, boxes: [])
    recording = record(drive, [perfect, half, none])
    assert recording.sources == ("perfect", "half", "none")
    for frame in recording.frames:
        truth = frame.truth
        assert truth.tracks is not None
        assert len(set(truth.tracks)) == len(truth)
        assert frame_errors(frame, "perfect", 0.5).total == 0
        assert frame_errors(frame, "none", 0.0).misses == truth.judged.sum() > 0
        found = frame.predictions["half"]
        hits = (found.partner >= 0).nonzero()[:, 0]
        assert frame_errors(frame, "half", 0.5).hits == len(hits) > 0
        assert (frame.partners["half"][found.partner[hits]] == hits).all()
        away = found.boxes[hits] - truth.boxes[found.partner[hits]]
        assert away[:, :8].abs().max() < 1e-3
        assert frame_errors(frame, "perfect", 0.5).centre_m < 1e-3


def test_tracks_keep_their_names(drive: Path, perfect: Path, tmp_path: Path) -> None:
    def tracked(token: str, boxes: list) -> list:
        keep = [box for box in boxes if box["detection_name"] in ("car", "pedestrian")]
        shared = ("sample_token", "translation", "size", "rotation", "velocity")
        return [
            {key: box[key] for key in shared}
            | {
                "tracking_id": f"{number}-<b>é",
                "tracking_name": box["detection_name"],
                "tracking_score": 0.7,
            }
            for number, box in enumerate(keep)
        ]

    tracks = change_results(perfect, tmp_path / "tracks.json", tracked)
    frames = record(drive, [tracks]).frames
    assert sum(len(frame.predictions["tracks"]) for frame in frames) > 8
    for frame in frames:
        found = frame.predictions["tracks"]
        assert found.tracks == tuple(f"{number}-<b>é" for number in range(len(found)))
        assert (found.partner[found.judged] >= 0).all()
        assert found.scores.tolist() == pytest.approx([0.7] * len(found))


@pytest.mark.slow
@pytest.mark.parametrize("config", [CONFIG, STREAM_CONFIG], ids=lambda path: path.stem)
def test_stories_do_not_depend_on_the_order_of_frames(
    drive: Path, tmp_path: Path, config: Path
) -> None:
    """Shown backwards, as the worst frames may be, they are told as in the order of time."""
    checkpoint = random_checkpoint(config, tmp_path)
    forth = record(drive, checkpoint=checkpoint, attention="top:2", scenes=1).frames
    back = record(drive, checkpoint=checkpoint, attention="top:2", backwards=True, scenes=1).frames
    for one, other in zip(forth, reversed(back), strict=True):
        assert one.token == other.token
        assert len(one.stories) == 2
        best = one.predictions["iter_1"].scores.argsort(descending=True, stable=True)[:2]
        assert [story.row for story in one.stories] == best.tolist()
        for told, again in zip(one.stories, other.stories, strict=True):
            assert told.source == "iter_1"
            torch.testing.assert_close(told.camera_shares, again.camera_shares)
            torch.testing.assert_close(told.attention[0].maps, again.attention[0].maps)
            assert float(told.attention[0].maps.sum()) == pytest.approx(1.0, abs=1e-3)


def test_without_truth_nothing_is_judged(broken_drive: Path, perfect: Path) -> None:
    table = broken_drive / VERSION / "sample_annotation.json"
    table.write_text("[]")
    (broken_drive / VERSION / "instance.json").write_text("[]")
    for frame in record(broken_drive, [perfect]).frames:
        assert frame.truth is None
        assert frame.partners == {}
        assert len(frame.predictions["perfect"]) > 0
        assert not frame.predictions["perfect"].judged.any()
        assert frame_errors(frame, "perfect", 0.0).total == 0
