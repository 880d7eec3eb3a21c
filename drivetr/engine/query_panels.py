"""The picture of why a multi-camera detector saw what it saw in a sample of a dataset."""

from dataclasses import dataclass, field, replace
from typing import Any

from tqdm import tqdm

from drivetr.engine.api import LoadedDetector
from drivetr.engine.stories import StoryTeller
from drivetr.engine.story_choice import StoryChoice
from drivetr.engine.training import has_memory
from drivetr.errors import DrivetrError
from drivetr.structures.detections import Detections
from drivetr.structures.frame import PAST, Frame
from drivetr.visual.frames import ReplayFrame
from drivetr.visual.query_sheet import PastImages, query_sheet
from drivetr.visual.recording import QueryStory, RecordedImage
from drivetr.visual.text import Canvas

_SOURCE = "detector"
_MOST_BLOCKS = 50  # a sheet of more would be a picture that hardly anything opens


@dataclass(frozen=True)
class Inquiry:
    """What is to be looked at.

    Attributes:
        sample: token of a sample of the split, or its number from 0.
        top: how many of the surest predictions, where no query is named.
        class_name: only those of this class, where no query is named; None for all.
        queries: numbers of queries.
        layer: of the decoder, from 0; negative counts from the end.
        head: one attention head, None for the mean of all.
    """

    sample: str = "0"
    top: int = 3
    class_name: str | None = None
    queries: list[int] = field(default_factory=list)
    layer: int = -1
    head: int | None = None


def draw_query_attention(
    loaded: LoadedDetector,
    dataroot: str | None,
    version: str | None,
    split: str | None,
    question: Inquiry,
) -> Canvas:
    """A sheet with a block for each prediction that is asked about.

    A detector with a memory runs over the frames before the sample first, from where its scene or
    an unbroken part of it begins.

    Args:
        loaded: a detector whose queries look at the cameras around a car.
        dataroot: of the dataset; None for the checkpoint's own, as with the next two.
        version: of the dataset.
        split: of the version.
        question: what is to be looked at.

    Raises:
        DrivetrError: another detector, or no such dataset, sample, box, query, layer or head.
    """
    if not 1 <= question.top <= _MOST_BLOCKS:
        raise DrivetrError(f"--top is {question.top}; expected a number from 1 to {_MOST_BLOCKS}")
    tolerant = {"missing_images": "tolerant", "missing_limit": 1.0}
    spec = replace(loaded.spec, test_data=loaded.spec.test_data | tolerant)
    dataset = replace(loaded, spec=spec).dataset(dataroot, version, split)
    number = _position(dataset, question.sample)
    teller = StoryTeller(loaded)
    frame, found = _run(loaded, teller, dataset, number)
    rows = _rows(found, loaded.classes, question, frame.token)
    own = [name for name in frame.camera_names if not name.endswith(PAST)]
    images = [_as_recorded(frame, camera) for camera in range(len(own))]
    stories = teller.tell(found, rows, _SOURCE, images, heads=question.head is not None)
    layer, head = _layer_and_head(question, stories[0])
    pictures = [_picture(frame, image) for image in range(len(frame.camera_names))]
    past = PastImages(tuple(pictures[len(own) :])) if len(pictures) > len(own) else None
    shown = _as_shown(frame, found, loaded.classes, tuple(pictures[: len(own)]), own)
    return query_sheet(shown, stories, layer, head, past)


def _position(dataset: Any, sample: str) -> int:
    """Where a sample is in the dataset."""
    tokens = dataset.tokens
    if sample in tokens:
        place: int = tokens.index(sample)
        return place
    if sample.isdecimal() and int(sample) < len(tokens):
        return int(sample)
    raise DrivetrError(
        f"--sample {sample}: the split {dataset.split} has no such sample; expected one of its"
        f" tokens, such as {tokens[0]}, or a number from 0 to {len(tokens) - 1}"
    )


def _run(
    loaded: LoadedDetector, teller: StoryTeller, dataset: Any, number: int
) -> tuple[Frame, Detections]:
    """The sample, and what the detector found in it after the frames before."""
    if has_memory(loaded.detector):
        run = next(run for run in dataset.sequences() if number in run)
        for earlier in tqdm(range(run.start, number), desc="frames before", unit="frame"):
            teller.next(dataset[earlier])
    frame = dataset[number]
    return frame, teller.next(frame)


def _rows(found: Detections, classes: tuple[str, ...], question: Inquiry, token: str) -> list[int]:
    """The predictions that are asked about: the surest, or the surest of each query."""
    if not len(found):
        raise DrivetrError(f"sample {token}: the detector found nothing there; ask about another")
    if not question.queries:
        surest, kind = StoryChoice("top", len(found)).rows(found), ""
        if question.class_name is not None:
            if question.class_name not in classes:
                raise DrivetrError(
                    f"--class {question.class_name}: the detector knows {', '.join(classes)}"
                )
            label, kind = classes.index(question.class_name), f" of class {question.class_name}"
            surest = [row for row in surest if int(found.labels[row]) == label]
        if question.top > len(surest):
            raise DrivetrError(
                f"--top is {question.top}, but the detector found {len(surest)} boxes{kind} in"
                f" sample {token}"
            )
        return surest[: question.top]
    rows = []
    for query in question.queries:
        of_query = StoryChoice("query", query).rows(found)
        if not of_query:
            known = found.queries.unique().tolist() if found.queries is not None else []
            raise DrivetrError(
                f"--query {query}: gave no box in sample {token}; these did:"
                f" {', '.join(str(one) for one in known[:12])}{', ...' if len(known) > 12 else ''}"
            )
        rows.append(max(of_query, key=lambda row: float(found.scores[row])))
    return rows


def _layer_and_head(question: Inquiry, story: QueryStory) -> tuple[int, int]:
    """Which of the story's maps is drawn, as `AttentionMap` counts."""
    layers = len(story.camera_shares)
    if not -layers <= question.layer < layers:
        raise DrivetrError(
            f"--layer {question.layer}: the decoder has {layers} layers, counted from 0"
        )
    if question.head is None:
        return question.layer % layers, -1
    heads = max(one.head for one in story.attention) + 1
    if not 0 <= question.head < heads:
        raise DrivetrError(f"--head {question.head}: the model has the heads 0 to {heads - 1}")
    return question.layer % layers, question.head


def _as_recorded(frame: Frame, number: int) -> RecordedImage:
    """A camera's picture as the network gets it, without padding."""
    height, width = frame.cameras.image_size[number].tolist()
    matrix = frame.cameras.img_from_lidar[number]
    return RecordedImage(frame.camera_names[number], None, (height, width), matrix)


def _picture(frame: Frame, number: int) -> Any:
    if not frame.cameras.valid[number]:
        return None
    height, width = frame.cameras.image_size[number].tolist()
    return frame.images[number, :, :height, :width].permute(1, 2, 0).contiguous().cpu().numpy()


def _as_shown(
    frame: Frame,
    found: Detections,
    classes: tuple[str, ...],
    pictures: tuple[Any, ...],
    names: list[str],
) -> ReplayFrame:
    count = len(names)
    cameras = frame.cameras
    return ReplayFrame(
        images=pictures,
        cameras=replace(
            cameras,
            img_from_lidar=cameras.img_from_lidar[:count],
            image_size=cameras.image_size[:count],
            valid=cameras.valid[:count],
            age_s=None,
        ),
        camera_names=tuple(names),
        ego_from_lidar=frame.ego_from_lidar,
        truth=frame.targets,
        predictions={_SOURCE: found},
        classes=classes,
        scene=frame.scene,
        subtitle=f"sample {frame.token}",
    )
