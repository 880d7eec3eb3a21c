"""Rows 25 to 27: time that jumps, scenes that end, and sweeps without a pose."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from drivetr.data.nuscenes.dataset import NuScenesDataset
from drivetr.data.nuscenes.past import PastImages
from drivetr.engine.api import FrameStream, load_detector
from drivetr.engine.loaders import TrainLoaderSettings, loader_for_training
from drivetr.structures.detections import Detections
from drivetr.structures.frame import Frame, collate_frames
from tests.data.nuscenes.table_factory import TableShape
from tests.reliability.world import ROOT, STREAMPETR, VERSION, World

ONE_SCENE = TableShape(scenes=1, samples_per_scene=5, camera_sweeps=0, lidar_sweeps=0, radars=0)


def same(one: list[Detections], other: list[Detections]) -> bool:
    """Whether two streams saw the same, to the last bit."""
    return all(torch.equal(a.boxes, b.boxes) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("step_us", "kind"),
    [(-100_000, "time-goes-back"), (0, "time-repeats"), (700_000, "time-gap")],
)
def test_row_25_time_that_jumps_within_a_scene(
    tmp_path: Path, streampetr: Path, step_us: int, kind: str
):
    world = World(tmp_path / "data", ONE_SCENE)
    samples = sorted(world.tables["sample"], key=lambda row: row["timestamp"])
    for sample in reversed(samples[3:]):
        sample["timestamp"] += samples[2]["timestamp"] + step_us - samples[3]["timestamp"]
    world.write()
    assert f"warning: 1 x {kind}" in world.accepted(world.index)
    told = world.accepted(world.verify)
    assert f"[{kind}] sample.json: token {samples[3]['token']}, field timestamp is" in told
    assert "expected between 0 and 0.6 s; temporal models start afresh here" in told
    world.accepted(world.train("train_data.streaming=True", config=STREAMPETR))

    loaded = load_detector(streampetr, "cpu")
    dataset = loaded.dataset(world.root, VERSION, "all")
    frames = [dataset[i] for i in range(len(dataset))]
    stream = list(loaded.predict_frames(frames))
    afresh = [i for i, frame in enumerate(frames) if not frame.continues]
    assert len(afresh) > 1
    for run in dataset.sequences():
        alone = list(loaded.predict_frames(frames[run.start : run.stop]))
        assert same(stream[run.start : run.stop], alone)
    unbroken = list(loaded.predict_frames(frames[:3]))
    assert not same(unbroken[1:2], list(loaded.predict_frames(frames[1:2]))), "memory matters"


def test_row_26_scene_that_ends_in_a_stream(tmp_path: Path, streampetr: Path):
    shape = replace(ONE_SCENE, scenes=3, samples_per_scene=3)
    world = World(tmp_path / "data", shape).write()
    loaded = load_detector(streampetr, "cpu")

    # A test of two scenes says of each what a test of that scene alone says.
    dataset = loaded.dataset(world.root, VERSION, "all")
    both = list(loaded.predict_frames(dataset[i] for i in range(6)))
    for number in (0, 1):
        scene = loaded.dataset(world.root, VERSION, f"scene-000{number}")
        alone = list(loaded.predict_frames(scene[i] for i in range(3)))
        assert same(both[3 * number : 3 * number + 3], alone)

    # In a training, two lanes side by side see what each would see alone.
    settings = TrainLoaderSettings(batch_size=2, streaming=True, sequences_per_scene=1)
    sequences = settings.sequences(dataset)
    loader = loader_for_training(dataset, settings, 0, torch.device("cpu"), sequences)
    lanes = [[dataset[loader.sampler.key_at(2 * i + lane)] for i in range(9)] for lane in (0, 1)]
    streams, memory = [FrameStream(loaded) for _ in lanes], None
    for pair in zip(*lanes, strict=True):
        together, memory = loaded.step(collate_frames(list(pair)), memory)
        for stream, frame, found in zip(streams, pair, together, strict=True):
            alone = stream.next(frame)
            torch.testing.assert_close(found.scores, alone.scores, atol=1e-5, rtol=1e-5)
    for lane in lanes:
        assert [follows(*two) for two in pairwise(lane)] == [f.continues for f in lane[1:]]
        assert 2 < sum(frame.continues for frame in lane) < len(lane) - 1


def follows(before: Frame, after: Frame) -> bool:
    """Whether a frame is the next one of the same scene, half a second later."""
    step = after.timestamp_us - before.timestamp_us
    return before.scene == after.scene and 400_000 < step < 600_000


def test_row_27_sweep_without_ego_pose(world: World):
    rows = world.tables["sample_data"]
    lost = next(r for r in rows if not r["is_key_frame"] and "CAM_BACK/" in r["filename"])
    number = rows.index(lost)
    world.tables["ego_pose"] = [
        row for row in world.tables["ego_pose"] if row["token"] != lost["ego_pose_token"]
    ]
    world.write()
    told = world.accepted(world.verify)
    assert f"sample_data.json: row {number}, field ego_pose_token" in told
    assert "names no row of ego_pose.json; the sweep is left out" in told
    assert "warning: 1 x sweep-without-pose" in world.accepted(world.index)
    past = NuScenesDataset((world.root, VERSION), "all", past=PastImages(0, 1))
    pairs = past.index.earlier_images_of(past.rows, 0, 9)
    assert lost["filename"] not in pairs
    config = str(ROOT / "configs/petrv2/petrv2_point_synth.py")
    sizes = [f"{key}.transforms.0.size=(32, 64)" for key in ("train_data", "test_data")]
    options = ["train_data.num_workers=0", "train_data.batch_size=6", *sizes]
    world.accepted(world.train(*options, config=config))
