"""The sheet of a sample: which sample, which boxes, and a memory that sees the frames before."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from drivetr.cli.main import main
from drivetr.engine import query_panels
from drivetr.engine.api import FrameStream, LoadedDetector, load_detector
from drivetr.engine.looking import load_around
from drivetr.engine.query_panels import Inquiry, draw_query_attention
from drivetr.engine.stories import StoryTeller
from drivetr.errors import DrivetrError
from tests.engine.small_detr import write_checkpoint

VERSION, SPLIT, FRAMES = "v1.0-synth", "synth_val", 3
CONFIGS = Path(__file__).parents[2] / "configs"
Draw = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A validation scene of three keyframes."""
    out = tmp_path_factory.mktemp("world") / "set"
    options = f"--size 48x128 --scenes 2 --val-scenes 1 --frames-per-scene {FRAMES} --workers 1"
    assert main(["synth", str(out), *options.split()]) == 0
    return out


def untrained(config: str, folder: Path) -> str:
    return str(write_checkpoint(folder, CONFIGS / config))


@pytest.fixture(scope="module")
def petr(tmp_path_factory: pytest.TempPathFactory) -> str:
    return untrained("petr/petr_point_synth.py", tmp_path_factory.mktemp("petr"))


@pytest.fixture
def draw(world: Path, petr: str) -> Draw:
    loaded = load_around(petr, "cpu")

    def drawn(split: str = SPLIT, **question: object) -> np.ndarray:
        return draw_query_attention(loaded, str(world), VERSION, split, Inquiry(**question))

    return drawn


def found_in(loaded: LoadedDetector, world: Path, number: int):
    return FrameStream(loaded).next(loaded.dataset(str(world), VERSION, SPLIT)[number])


def test_the_surest_are_those_of_the_queries_that_gave_them(draw, world, petr):
    """The N surest boxes and the same ones by their queries' numbers make one picture."""
    loaded = load_around(petr, "cpu")
    found = found_in(loaded, world, 0)
    best: list[int] = []
    for query in found.queries.tolist():
        if query in best or len(best) == 3:
            break
        best.append(query)
    assert np.array_equal(draw(top=len(best)), draw(queries=best))
    one = draw(top=1)
    assert one.shape[1] == 1800
    assert one.std() > 10


def test_the_surest_of_a_class(draw, world, petr):
    loaded = load_around(petr, "cpu")
    found = found_in(loaded, world, 0)
    surest = int(found.labels[found.scores.argmax()])
    other = int(found.labels[found.labels != surest][0])
    everything = draw(top=1)
    assert np.array_equal(everything, draw(top=1, class_name=loaded.classes[surest]))
    assert not np.array_equal(everything, draw(top=1, class_name=loaded.classes[other]))


def test_a_sample_by_number_and_by_token(draw, world, petr):
    tokens = load_around(petr, "cpu").dataset(str(world), VERSION, SPLIT).tokens
    last = draw(sample=tokens[2], top=1)
    assert np.array_equal(last, draw(sample="2", top=1))
    assert not np.array_equal(last, draw(sample="0", top=1))


def test_a_head_and_a_layer(draw):
    plain = draw(top=1)
    assert np.array_equal(plain, draw(top=1, layer=2))
    for other in (draw(top=1, head=0), draw(top=1, layer=0)):
        assert other.shape == plain.shape
        assert not np.array_equal(other, plain)


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ({"top": 0}, r"--top is 0; expected a number from 1 to 50"),
        ({"top": -2}, r"--top is -2"),
        ({"top": 51}, r"--top is 51; expected a number from 1 to 50"),
        ({"sample": "3"}, r"--sample 3: the split synth_val has no such sample; .* from 0 to 2"),
        ({"sample": "-1"}, r"--sample -1: the split synth_val has no such sample"),
        ({"sample": "feed" * 8}, r"no such sample; expected one of its tokens, such as [0-9a-f]+"),
        ({"class_name": "tank"}, r"--class tank: the detector knows car, truck"),
        ({"queries": [100_000]}, r"--query 100000: gave no box in sample [0-9a-f]+; these did: \d"),
        ({"layer": 3}, r"--layer 3: the decoder has 3 layers, counted from 0"),
        ({"head": 99}, r"--head 99: the model has the heads 0 to \d"),
        ({"split": "mini_val"}, r"mini_val"),
    ],
)
def test_questions_without_an_answer(draw, question, told):
    with pytest.raises(DrivetrError, match=told) as caught:
        draw(**question)
    assert "\n" not in str(caught.value)


def test_a_token_of_another_split(draw, world, petr):
    others = load_around(petr, "cpu").dataset(str(world), VERSION, "synth_train").tokens
    with pytest.raises(DrivetrError, match=r"the split synth_val has no such sample"):
        draw(sample=others[0])


def test_more_than_there_are_and_nothing_at_all(draw, monkeypatch):
    monkeypatch.setattr(StoryTeller, "next", fewer(StoryTeller.next, 2))
    with pytest.raises(DrivetrError, match=r"--top is 3, but the detector found 2 boxes"):
        draw(top=3)
    monkeypatch.setattr(StoryTeller, "next", fewer(StoryTeller.next, 0))
    with pytest.raises(DrivetrError, match="the detector found nothing there"):
        draw(top=1)


def fewer(own: Callable, count: int) -> Callable:
    return lambda self, frame: own(self, frame)[:count]


def test_a_memory_sees_the_frames_before(world, tmp_path, monkeypatch):
    """Asked about the third frame, the detector answers as after a drive through all three."""
    path = untrained("streampetr/streampetr_point_synth.py", tmp_path)
    loaded = load_around(path, "cpu")
    dataset = loaded.dataset(str(world), VERSION, SPLIT)
    expected = list(loaded.predict_frames(dataset[number] for number in range(FRAMES)))[-1]
    answers = []
    own = StoryTeller.next

    def listening(self, frame):
        answers.append((frame.token, own(self, frame)))
        return answers[-1][1]

    monkeypatch.setattr(query_panels.StoryTeller, "next", listening)
    sheet = draw_query_attention(loaded, str(world), VERSION, SPLIT, Inquiry(sample="2", top=1))
    assert [token for token, _ in answers] == dataset.tokens
    assert np.array_equal(answers[-1][1].boxes.numpy(), expected.boxes.numpy())
    assert sheet.std() > 10


def test_images_of_the_past_are_drawn_too(world, tmp_path, petr):
    path = untrained("petrv2/petrv2_point_synth.py", tmp_path)
    question = Inquiry(sample="2", top=1)
    both = draw_query_attention(load_detector(path, "cpu"), str(world), VERSION, SPLIT, question)
    now = draw_query_attention(load_detector(petr, "cpu"), str(world), VERSION, SPLIT, question)
    assert both.shape[0] > now.shape[0] + 200


def test_a_checkpoint_without_cameras(tmp_path):
    path = untrained("vit/vit_digits.py", tmp_path)
    with pytest.raises(DrivetrError, match=r"holds a ViTClassifier, which does not look at the"):
        load_around(path, "cpu")
