"""What the replay page is given: rounded where nobody sees it, exact where it counts."""

import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from drivetr.visual.recording import AttentionMap
from drivetr.visual.replay_data import points_base64, recording_data, story_data
from tests.visual.recordings import drive, with_story


def _points(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<i2").reshape(-1, 3) / 100


class TestRecordingData:
    def test_is_json_with_rounded_boxes(self) -> None:
        recording = drive(2)
        data = json.loads(json.dumps(recording_data(recording), allow_nan=False))
        for told, frame in zip(data["frames"], recording.frames, strict=True):
            boxes = np.array(told["truth"]["boxes"], dtype=float)
            np.testing.assert_allclose(boxes[:, :6], frame.truth.boxes[:, :6], atol=6e-5)
            np.testing.assert_allclose(boxes[:, 6:8], frame.truth.boxes[:, 6:8], atol=6e-7)
            assert told["truth"]["labels"] == frame.truth.labels.tolist()
        assert data["rows"] == [[2, 0, 1], [4, 3, 5]]

    def test_scores_fall_on_the_same_side_of_every_threshold(self) -> None:
        """0.7 in 32 bits is below 0.7 in 64, and torch compares in 32."""
        recording = drive(1)
        found = recording.frames[0].predictions["petr"]
        scores = torch.linspace(0, 1, 101)[: len(found)]
        frame = replace(recording.frames[0], predictions={"petr": replace(found, scores=scores)})
        data = recording_data(replace(recording, frames=(frame,)))
        told = data["frames"][0]["predictions"]["petr"]["scores"]
        for threshold in np.arange(0, 101) / 100:
            expected = (scores >= float(threshold)).tolist()
            assert [score >= threshold for score in told] == expected

    def test_what_is_not_finite_becomes_null(self) -> None:
        recording = drive(1)
        boxes = recording.frames[0].truth.boxes.clone()
        boxes[0, 8:] = torch.nan
        boxes[1, 0] = torch.inf
        frame = recording.frames[0]
        frame = replace(frame, truth=replace(frame.truth, boxes=boxes))
        told = recording_data(replace(recording, frames=(frame,)))["frames"][0]["truth"]["boxes"]
        assert told[0][8:] == [None, None]
        assert told[1][0] is None

    def test_places_are_relative_to_the_scene_s_beginning(self) -> None:
        data = recording_data(drive(3))
        starts = [np.array(frame["start_from_ego"]).reshape(3, 4) for frame in data["frames"]]
        np.testing.assert_allclose(starts[0], np.eye(4)[:3], atol=1e-9)
        np.testing.assert_allclose(starts[2][:, 3], [5.0, 0.0, 0.0], atol=1e-6)  # 1 s at 5 m/s


class TestPoints:
    def test_are_in_ego_and_keep_the_highest_of_a_cell(self) -> None:
        frame = drive(1).frames[0]
        shift = torch.eye(4, dtype=torch.float64)
        shift[0, 3] = 1.0
        points = torch.tensor([[4.05, 2.05, 0.1], [4.07, 2.06, 1.5], [-8.0, 0.0, 0.2]])
        frame = replace(frame, points=points, ego_from_lidar=shift)
        told = _points(points_base64(frame))
        np.testing.assert_allclose(told, [[-7.0, 0.0, 0.2], [5.07, 2.06, 1.5]], atol=0.006)

    def test_far_ones_and_too_many_are_left_out(self) -> None:
        points = torch.randn(200_000, 3) * torch.tensor([40.0, 40.0, 1.0])
        told = _points(points_base64(replace(drive(1).frames[0], points=points)))
        assert 6_000 <= len(told) <= 12_000
        assert np.abs(told).max() <= 80

    @pytest.mark.parametrize("points", [None, torch.zeros(0, 3)])
    def test_none(self, points: torch.Tensor | None) -> None:
        assert points_base64(replace(drive(1).frames[0], points=points)) is None


class TestStory:
    def test_maps_are_square_roots_of_shares_of_the_largest(self) -> None:
        story = with_story(drive(1), 0, 1).frames[0].stories[0]
        maps = torch.zeros(6, 2, 3)
        maps[4, 1, 2], maps[0, 0, 0] = 0.4, 0.1
        past = AttentionMap(0, -1, torch.zeros(6, 2, 3))
        story = replace(story, attention=(AttentionMap(0, -1, maps),), past_attention=(past,))
        now, then = story_data(story)["maps"]
        assert (now["past"], then["past"]) == (False, True)
        picture = np.array(Image.open(io.BytesIO(base64.b64decode(now["png"]))))
        assert picture.shape == (12, 3)
        assert picture[4 * 2 + 1, 2] == 255
        assert picture[0, 0] == 128  # a quarter of the largest
        assert picture.sum() == 255 + 128
