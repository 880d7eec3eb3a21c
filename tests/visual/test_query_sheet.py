"""The sheet of stories: heat where the weight is, the past below, a block for each story."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from drivetr.structures.detections import Detections
from drivetr.visual.query_sheet import PastImages, query_sheet
from drivetr.visual.recording import AttentionMap, QueryStory
from tests.visual.scenery import sample_frame

CAMERAS = 6


def story(camera: int, cell: tuple[int, int] = (6, 16), **changes: object) -> QueryStory:
    """All weight of all three layers on one cell (of 12 x 32) of one camera."""
    maps = torch.zeros(CAMERAS, 12, 32)
    maps[camera][cell] = 1.0
    shares = torch.zeros(3, CAMERAS)
    shares[:, camera] = 1.0
    path = torch.tensor([[10.0, 3.0, 0.0], [13.0, 1.0, 0.5], [14.5, 0.0, 0.8], [15.0, 0.0, 0.8]])
    attention = (AttentionMap(-1, -1, maps), AttentionMap(2, -1, maps))
    return replace(QueryStory("petr", 0, attention, path, shares, query=7), **changes)


def warmth(sheet: np.ndarray) -> np.ndarray:
    """Where red stands out over blue and grey: the heat's colours, not those of the page."""
    red, green, blue = (sheet[..., i].astype(int) for i in range(3))
    return (red > 150) & (red - blue > 60) & (red > green)


def left_part(sheet: np.ndarray) -> np.ndarray:
    return warmth(sheet)[62:, :1100]


@pytest.mark.parametrize("cell", [(3, 4), (9, 28)])
def test_the_heat_is_where_the_weight_is(cell):
    """CAM_0 looks ahead: it stands in the middle of the first row."""
    frame = replace(sample_frame(), predictions={"petr": far_away()})
    hot = left_part(query_sheet(frame, [story(0, cell)]))
    rows, columns = np.nonzero(hot)
    assert len(rows) > 20
    cell_w = 370
    row, column = rows.mean() - 36, columns.mean() - 18 - cell_w
    assert row == pytest.approx((cell[0] + 0.5) / 12 * cell_w * 96 / 256, abs=12)
    assert column == pytest.approx((cell[1] + 0.5) / 32 * cell_w, abs=16)


def far_away() -> Detections:
    """One box that no camera shows."""
    box = sample_frame().predictions["petr"]
    boxes = box.boxes.clone()
    boxes[:, 2] = 500.0
    return replace(box, boxes=boxes)


def test_a_block_for_each_story():
    frame = sample_frame()
    one = query_sheet(frame, [story(0)])
    two = query_sheet(frame, [story(0), story(3)])
    assert one.shape[1] == two.shape[1]
    assert two.shape[0] > one.shape[0] + 250
    assert np.array_equal(two[: one.shape[0] - 40], one[:-40])


def test_the_way_is_drawn_from_above():
    frame = sample_frame()
    still = story(0, path=torch.tensor([[15.0, 0.0, 0.8]] * 4))
    moved, rested = query_sheet(frame, [story(0)]), query_sheet(frame, [still])
    above = slice(1140, 1440)
    assert (moved[:, above] != rested[:, above]).any()
    assert np.array_equal(moved[98:, :1100], rested[98:, :1100])


def test_images_of_the_past_stand_below():
    frame = sample_frame()
    weight = story(0).attention
    past = PastImages(tuple(np.full((96, 256, 3), 200, np.uint8) for _ in range(CAMERAS)))
    told = story(1, past_attention=weight, past_shares=torch.zeros(3, CAMERAS))
    assert query_sheet(frame, [told], past=past).shape[0] > query_sheet(frame, [told]).shape[0]


def test_a_camera_without_an_image_keeps_its_place():
    frame = sample_frame()
    gap = replace(frame, images=(None, *frame.images[1:]))
    assert query_sheet(gap, [story(3)]).shape == query_sheet(frame, [story(3)]).shape


@pytest.mark.parametrize("azimuths", [(0.0,), (0.0, 90.0, -90.0, 180.0)])
def test_other_rigs(azimuths):
    frame = sample_frame(azimuths)
    count = len(azimuths)
    maps = torch.full((count, 3, 8), 1 / (24 * count))
    even = story(0, attention=(AttentionMap(-1, -1, maps),))
    even = replace(even, camera_shares=torch.full((3, count), 1 / count))
    assert query_sheet(frame, [even]).shape[1] == 1800


def test_a_map_that_nobody_has():
    with pytest.raises(ValueError, match="no map of layer 0 and head 3"):
        query_sheet(sample_frame(), [story(0)], layer=0, head=3)
