"""Stories in a recording's pixels: crops and scales, cameras in another order, past and memory."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from drivetr.engine.api import FrameStream, LoadedDetector
from drivetr.engine.spec import DetectorSpec
from drivetr.engine.stories import StoryTeller, tell_stories
from drivetr.engine.story_choice import parse_choice
from drivetr.errors import DrivetrError
from drivetr.models.lenet import LeNet5
from drivetr.models.postprocess import TopKPostprocess
from drivetr.models.query_attention import QueryWatch, watched_queries
from drivetr.structures.frame import PAST, Frame, collate_frames
from drivetr.visual.recording import RecordedImage
from tests.engine.test_streaming import Drives
from tests.models.samples import make_frame
from tests.models.test_multi_view import build
from tests.models.test_petrv2 import build as build_petrv2
from tests.models.test_streampetr import build as build_stream

CPU = torch.device("cpu")
SIZE = (96, 256)


def loaded_from(model: nn.Module) -> LoadedDetector:
    spec = DetectorSpec({}, {}, (), {}, source="last.pth")
    return LoadedDetector(model.eval(), TopKPostprocess(max_detections=20), spec, CPU)


def one_frame() -> Frame:
    frame = make_frame(6, SIZE)
    return replace(frame, cameras=replace(frame.cameras, age_s=None))


def recorded(frame: Frame) -> list[RecordedImage]:
    """Pictures that are the network's inputs."""
    return [
        RecordedImage(name, None, SIZE, frame.cameras.img_from_lidar[number])
        for number, name in enumerate(frame.camera_names)
        if not name.endswith(PAST)
    ]


def picture_of(image: RecordedImage, scale: float, left: float, top: float) -> RecordedImage:
    """A larger picture of which the network's input is a part, `scale` times as fine."""
    picture_from_input = torch.diag(torch.tensor([scale, scale, 1.0, 1.0]).double())
    picture_from_input[0, 2], picture_from_input[1, 2] = left, top
    matrix = picture_from_input @ image.img_from_lidar
    return replace(image, size=(400, 800), img_from_lidar=matrix)


@pytest.fixture(scope="module")
def told() -> tuple[StoryTeller, Any, Frame]:
    teller, frame = StoryTeller(loaded_from(build("point"))), one_frame()
    return teller, teller.next(frame), frame


class TestMaps:
    def test_on_its_own_inputs_the_maps_are_the_weights(self, told):
        teller, found, frame = told
        rows = parse_choice("top:3").rows(found)
        stories = teller.tell(found, rows, "petr", recorded(frame), heads=True)
        model = teller._model
        with watched_queries(model) as watch:
            model(*collate_frames([frame]).inputs)
        for story, row in zip(stories, rows, strict=True):
            assert (story.source, story.row) == ("petr", row)
            assert story.query == int(found.queries[row])
            expected = torch.stack([watch.attention([story.query], n)[0] for n in range(2)])
            maps = {(one.layer, one.head): one.maps for one in story.attention}
            assert set(maps) == {(-1, -1), (0, -1), (1, -1)} | {
                (layer, head) for layer in (0, 1) for head in range(4)
            }
            torch.testing.assert_close(maps[1, 2], expected[1, 2])
            torch.testing.assert_close(maps[0, -1], expected[0].mean(0))
            torch.testing.assert_close(maps[-1, -1], expected.mean((0, 1)))
            torch.testing.assert_close(story.camera_shares, expected.mean(1).sum((-2, -1)))
            assert float(maps[-1, -1].sum()) == pytest.approx(1, abs=1e-5)
            torch.testing.assert_close(story.path[-1], found.boxes[row, :3])

    def test_a_cell_lies_where_it_is_in_a_larger_picture(self, told):
        """One cell of the input alone: the map's weight stands at its place in the picture."""
        teller, found, frame = told
        images = [picture_of(one, 2.0, 100.0, 150.0) for one in recorded(frame)]
        watch = OneCell(camera=4, row=2, column=9)
        (story,) = tell_stories(watch, found, [0], "petr", frame, images)
        maps = story.attention[0].maps
        assert maps.shape == (6, 25, 50)  # cells of 16 pixels of the picture
        assert float(maps[4].sum()) == pytest.approx(1)
        assert not maps[[0, 1, 2, 3, 5]].any()
        rows = (torch.arange(25) + 0.5) * 16
        columns = (torch.arange(50) + 0.5) * 16
        middle = ((maps[4].sum(1) * rows).sum(), (maps[4].sum(0) * columns).sum())
        assert float(middle[0]) == pytest.approx(2.5 * 8 * 2 + 150, abs=8)
        assert float(middle[1]) == pytest.approx(9.5 * 8 * 2 + 100, abs=8)

    def test_cameras_in_the_order_of_the_recording(self, told):
        teller, found, frame = told
        images = recorded(frame)
        plain = teller.tell(found, [0], "petr", images)[0]
        order = [3, 0, 5]
        some = [images[number] for number in order]
        other = replace(images[1], channel="CAM_UNKNOWN")
        told_of_some = teller.tell(found, [0], "petr", [other, *some])[0]
        expected = plain.camera_shares[:, order]
        torch.testing.assert_close(told_of_some.camera_shares[:, 1:], expected)
        assert not told_of_some.camera_shares[:, 0].any()
        torch.testing.assert_close(
            told_of_some.attention[1].maps[1:], plain.attention[1].maps[order]
        )

    def test_nothing_asked_nothing_told(self, told):
        teller, found, frame = told
        assert teller.tell(found, [], "petr", recorded(frame)) == ()


class OneCell(QueryWatch):
    """All weight of every query on one cell of one camera."""

    def __init__(self, camera: int, row: int, column: int) -> None:
        super().__init__([None, None])
        self.place = camera, row, column

    def attention(self, queries, layer) -> Tensor:
        maps = torch.zeros(len(queries), 1, 6, 12, 32)
        camera, row, column = self.place
        maps[:, :, camera, row, column] = 1.0
        return maps

    def path(self, queries) -> Tensor:
        return torch.zeros(len(queries), 3, 3)


@pytest.mark.parametrize("kind", ["published", "point"])
def test_images_of_the_past_have_maps_of_their_own(kind):
    frame = make_frame(12, SIZE)
    names = tuple(f"CAM_{number}" for number in range(6))
    frame = replace(frame, camera_names=names + tuple(name + PAST for name in names))
    teller = StoryTeller(loaded_from(build_petrv2(kind)))
    found = teller.next(frame)
    (story,) = teller.tell(found, [0], "petrv2", recorded(frame))
    assert len(story.past_attention) == len(story.attention) == 3
    assert story.attention[0].maps.shape[0] == 6
    total = story.camera_shares + story.past_shares
    torch.testing.assert_close(total.sum(1), torch.ones(2))
    if kind == "point":  # two attentions, each with a softmax of its own
        torch.testing.assert_close(story.past_shares.sum(1), torch.full((2,), 0.5))


def test_a_memory_goes_on_and_its_objects_can_be_followed():
    """The same boxes as without questions, and a story in every frame in which the object is."""
    drives = Drives(1, 4)
    plain = FrameStream(loaded_from(build_stream()))
    teller = StoryTeller(loaded_from(build_stream()))
    followed = None
    for number in range(4):
        frame = drives[number]
        found, expected = teller.next(frame), plain.next(frame)
        assert torch.equal(found.boxes, expected.boxes)
        if followed is None:
            followed = int(found.ids[0])
        rows = parse_choice(f"track:{followed}").rows(found)
        for story in teller.tell(found, rows, "stream", recorded(frame)):
            assert int(found.ids[story.row]) == followed
            torch.testing.assert_close(story.camera_shares.sum(1), torch.ones(2))
    assert rows  # the surest query of a frame is propagated into the next


def test_wrong_questions():
    with pytest.raises(DrivetrError, match=r"last\.pth holds a LeNet5, .* expected a PETR"):
        StoryTeller(loaded_from(LeNet5()))
    teller = StoryTeller(loaded_from(build("point")))
    frame = one_frame()
    with pytest.raises(ValueError, match="before the first frame"):
        teller.tell(teller._stream.next(frame), [0], "petr", recorded(frame))
    found = replace(teller.next(frame), queries=None)
    with pytest.raises(ValueError, match="do not know their queries"):
        teller.tell(found, [0], "petr", recorded(frame))
