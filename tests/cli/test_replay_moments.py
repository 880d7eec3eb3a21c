"""Moments: truth and predictions meet as the devkit has it, wherever one begins to look."""

from pathlib import Path

import pytest
import torch

from drivetr.cli.replay_moments import MomentReader, Window
from drivetr.cli.replay_predictions import open_predictions
from drivetr.data.nuscenes.index import open_index
from drivetr.evaluation.nuscenes.constants import CLASS_RANGE
from drivetr.structures.classes import DETECTION_CLASSES
from tests.cli.replay_world import (
    STREAM_CONFIG,
    VERSION,
    change_results,
    moments_of,
    perfect_results,
    random_checkpoint,
)


def test_the_truth_hits_itself(drive: Path, perfect: Path) -> None:
    index = open_index(drive, VERSION)
    moments = moments_of(index, open_predictions([str(perfect)], None, index, None))
    assert len(moments) == 8
    for moment in moments:
        met = moment.outcomes["perfect"]
        assert met.truth_judged.sum() > 3
        assert ((met.truth_partner >= 0) == met.truth_judged).all()
        assert moment.errors("perfect", 0.5) == 0
        assert moment.errors("perfect", 0.95) == met.truth_judged.sum()


def test_errors_are_misses_and_false_predictions(
    drive: Path, perfect: Path, tmp_path: Path
) -> None:
    """Half of the truth misses the other half; what comes twice, the second time less sure, is
    false from the second's score on."""

    def twice(token: str, boxes: list) -> list:
        return [box | {"detection_score": score} for score in (0.4, 0.9) for box in boxes]

    half = change_results(perfect, tmp_path / "half.json", lambda token, boxes: boxes[::2])
    double = change_results(perfect, tmp_path / "double.json", twice)
    index = open_index(drive, VERSION)
    sources = open_predictions([str(half), str(double), str(perfect)], None, index, None)
    for moment in moments_of(index, sources):
        shown = moment.outcomes["perfect"].found_judged
        assert moment.errors("half", 0.5) == shown[1::2].sum() > 0
        assert moment.errors("double", 0.5) == 0
        assert moment.errors("double", 0.3) == shown.sum()


def test_a_window_shows_what_the_whole_scene_does(drive: Path, tmp_path: Path) -> None:
    """A detector with a memory has seen what came before the window."""
    checkpoint = random_checkpoint(STREAM_CONFIG, tmp_path)
    index = open_index(drive, VERSION)
    scene = index.scenes()[1]

    def read(window: Window) -> list:
        reader = MomentReader(index, open_predictions([], str(checkpoint), index, "synth_val"))
        return list(reader.of(scene, window))

    whole, late = read(Window()), read(Window(0.9, 1.1))
    assert [moment.number for moment in late] == [3]
    assert late[0].time_s == pytest.approx(1.0, abs=0.05)
    torch.testing.assert_close(late[0].found["iter_1"].boxes, whole[2].found["iter_1"].boxes)
    first = next(MomentReader(index, []).of(scene))
    assert first.found == {}
    assert first.truth_judged is not None


def test_real_keyframes(nuscenes_real: Path, tmp_path: Path) -> None:
    """What the evaluator leaves out is farther than the range of its class or has no point."""
    results = perfect_results(nuscenes_real, tmp_path / "r.json", version="v1.0-mini")
    index = open_index(nuscenes_real, "v1.0-mini")
    left_out = 0
    for moment in moments_of(index, open_predictions([str(results)], None, index, None)):
        met, truth = moment.outcomes["r"], moment.truth
        away = (truth.boxes[:, :3].double() @ moment.ego_from_lidar[:3, :3].T)[:, :2]
        away += moment.ego_from_lidar[:2, 3]
        reach = torch.tensor(list(CLASS_RANGE.values()))
        names = list(CLASS_RANGE)
        order = torch.tensor([names.index(name) for name in DETECTION_CLASSES])
        near = away.norm(dim=1) < reach[order][truth.labels]
        assert (met.truth_judged <= (near & (truth.num_points > 0))).all()
        left_out += int((~met.truth_judged).sum())
        assert moment.errors("r", 0.5) == 0
    assert left_out > 5
