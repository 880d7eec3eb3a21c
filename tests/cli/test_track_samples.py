"""Where tracks are cut, on tables with a gap in time."""

import json

from drivetr.cli.track_samples import read_segments, tokens_of_splits
from drivetr.data.nuscenes.index import open_index
from tests.evaluation.nuscenes.track_world import SAMPLES, SPLITS, VERSION, write_track_world


def by_scene(world):
    """Samples of each scene by name, in the order of time."""
    scenes, samples = (
        json.loads((world / VERSION / f"{name}.json").read_text()) for name in ("scene", "sample")
    )
    samples.sort(key=lambda sample: sample["timestamp"])
    return {
        scene["name"]: [s for s in samples if s["scene_token"] == scene["token"]]
        for scene in scenes
    }


def test_a_scene_is_one_segment(tmp_path):
    world = write_track_world(tmp_path)
    segments = read_segments(open_index(world, VERSION), "mine_val")
    truth = by_scene(world)
    assert [segment.name for segment in segments] == SPLITS["mine_val"]
    for segment in segments:
        samples = truth[segment.name]
        assert list(segment.tokens) == [sample["token"] for sample in samples]
        for time_s, sample in zip(segment.times_s, samples, strict=True):
            assert abs(time_s - (sample["timestamp"] - samples[0]["timestamp"]) / 1e6) < 1e-9


def test_a_gap_in_time_cuts_it(tmp_path):
    world = write_track_world(tmp_path, break_us=3_000_000)
    segments = read_segments(open_index(world, VERSION), "mine_train")
    assert [segment.name for segment in segments] == ["scene-0002", "scene-0002.2"]
    tokens = [sample["token"] for sample in by_scene(world)["scene-0002"]]
    half = SAMPLES // 2
    assert [list(segment.tokens) for segment in segments] == [tokens[:half], tokens[half:]]
    assert segments[1].times_s[0] == 0


def test_tokens_of_splits(tmp_path):
    world = write_track_world(tmp_path)
    tokens = tokens_of_splits(open_index(world, VERSION))
    assert {name: len(found) for name, found in tokens.items()} == {
        "": 3 * SAMPLES, "mine_val": 2 * SAMPLES, "mine_train": SAMPLES,
    }  # fmt: skip
    assert set(tokens["mine_val"]) | set(tokens["mine_train"]) == set(tokens[""])
