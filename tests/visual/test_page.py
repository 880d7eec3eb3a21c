"""Whole pictures: they come out for every rig and every kind of gap."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from drivetr.structures.detections import Detections
from drivetr.visual.page import camera_title, render_frame
from tests.visual.scenery import sample_frame, targets


def _no_detections() -> Detections:
    return Detections(torch.zeros(0, 10), torch.zeros(0), torch.zeros(0, dtype=torch.long))


class TestRenderFrame:
    def test_even_sizes_and_same_bytes_twice(self) -> None:
        frame = sample_frame()
        picture = render_frame(frame, 961)
        assert picture.dtype == np.uint8
        assert picture.shape[1] == 960
        assert picture.shape[0] % 2 == 0
        np.testing.assert_array_equal(picture, render_frame(frame, 961))

    @pytest.mark.parametrize(
        "changes",
        [
            {"truth": None},
            {"truth": None, "predictions": {}, "score_threshold": None},
            {"truth": targets(torch.zeros(0, 10), [])},
            {"predictions": {"petr": _no_detections()}},
            {"predictions": {"a": _no_detections(), "b": _no_detections()}},
            {"images": (None,) * 6},
            {"points": torch.zeros(0, 3), "path": torch.zeros(1, 3)},
            {"scene": "s" * 300, "subtitle": "t" * 300, "note": "n" * 300},
        ],
    )
    def test_gaps(self, changes: dict[str, object]) -> None:
        assert render_frame(sample_frame(**changes), 800).shape[1] == 800

    def test_a_missing_image_changes_its_panel_only(self) -> None:
        frame = sample_frame()
        invalid = torch.tensor([True, True, False, True, True, True])
        gap = replace(frame, cameras=replace(frame.cameras, valid=invalid))
        differs = (render_frame(frame, 960) != render_frame(gap, 960)).any(axis=2)
        rows, columns = np.nonzero(differs)
        from drivetr.visual.layout import lay_out

        left, top, right, bottom = lay_out(frame, 960).cameras[2]
        assert differs.any()
        assert left <= columns.min()
        assert columns.max() < right
        assert top <= rows.min()
        assert rows.max() < bottom

    @pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 11])
    def test_any_number_of_cameras(self, count: int) -> None:
        frame = sample_frame(tuple(np.linspace(0, 360, count, endpoint=False).tolist()))
        assert render_frame(frame, 800).shape[1] == 800

    def test_images_of_different_sizes(self) -> None:
        frame = sample_frame((0.0, 180.0))
        images = (np.zeros((96, 256, 3), np.uint8), np.zeros((200, 100, 3), np.uint8))
        sizes = torch.tensor([[96, 256], [200, 100]])
        frame = replace(frame, images=images, cameras=replace(frame.cameras, image_size=sizes))
        assert render_frame(frame, 800).shape[1] == 800


def test_frames_check_their_cameras() -> None:
    with pytest.raises(ValueError, match="do not agree"):
        sample_frame(camera_names=("CAM_0",))


def test_camera_title() -> None:
    assert camera_title("CAM_FRONT_LEFT") == "FRONT LEFT"
    assert camera_title("roof 3") == "roof 3"
