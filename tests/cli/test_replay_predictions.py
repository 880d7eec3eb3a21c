"""Sources of predictions: names, and the boxes of submissions of both kinds."""

from pathlib import Path

import pytest
import torch

from drivetr.cli.replay_predictions import open_predictions
from drivetr.data.nuscenes.index import open_index
from drivetr.errors import DrivetrError
from tests.cli.replay_world import VERSION, change_results


def test_every_source_has_a_name_of_its_own(drive: Path, perfect: Path, tmp_path: Path) -> None:
    index = open_index(drive, VERSION)
    paths = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        paths.append(tmp_path / folder / "results.json")
        paths[-1].write_bytes(perfect.read_bytes())

    def names(*results: Path) -> list[str]:
        return [s.name for s in open_predictions([str(r) for r in results], None, index, None)]

    assert names(paths[0], perfect) == ["results", "perfect"]
    assert names(*paths) == ["a/results", "b/results"]
    assert names(*paths, paths[0]) == ["a/results", "b/results", "a/results (2)"]


def test_boxes_lie_where_the_index_has_them(drive: Path, perfect: Path) -> None:
    """In global, which is the reference frame of this question."""
    index = open_index(drive, VERSION)
    (source,) = open_predictions([str(perfect)], None, index, None)
    sample = index.sample(2)
    found = source.detections(sample.token, torch.eye(4).double())
    away = torch.cdist(found.boxes[:, :3], torch.tensor(sample.annotations.center_global))
    assert len(found) > 3
    assert float(away.min(dim=1).values.max()) < 1e-3
    assert found.scores.tolist() == pytest.approx([0.9] * len(found))
    assert source.tracks(sample.token, found) is None
    assert not source.has("nothing")


def test_a_broken_track_is_told(drive: Path, perfect: Path, tmp_path: Path) -> None:
    def tracked(token: str, boxes: list) -> list:
        shared = ("sample_token", "translation", "size", "rotation", "velocity")
        names = {"tracking_id": 7, "tracking_name": "car", "tracking_score": 0.7}
        return [{key: box[key] for key in shared} | names for box in boxes]

    path = change_results(perfect, tmp_path / "t.json", tracked)
    with pytest.raises(DrivetrError, match="box 0: field tracking_id is 7, expected a string"):
        open_predictions([str(path)], None, open_index(drive, VERSION), None)
