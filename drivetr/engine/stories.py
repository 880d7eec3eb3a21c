"""Stories of predictions for a recording: where their queries looked, and where that led them."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name every PyTorch reader expects

from drivetr.engine.api import FrameStream, LoadedDetector
from drivetr.errors import DrivetrError
from drivetr.models.query_attention import QueryWatch, multi_view_part, watched_queries
from drivetr.structures.detections import Detections
from drivetr.structures.frame import PAST, Frame
from drivetr.visual.recording import AttentionMap, QueryStory, RecordedImage


class StoryTeller:
    """A stream of frames whose detector can be asked why about the frame that it saw last.

        teller = StoryTeller(loaded)
        found = teller.next(frame)
        stories = teller.tell(found, parse_choice("top:20").rows(found), "petr", images)

    A detector with a memory keeps it, as in `FrameStream`. Attention is computed in `tell`, of the
    rows that are asked for; `next` computes nothing more than the stream.

    Args:
        loaded: the detector.
    """

    def __init__(self, loaded: LoadedDetector) -> None:
        """Checks the detector.

        Raises:
            DrivetrError: its queries do not look at cameras.
        """
        check_looks_around(loaded)
        self._model = loaded.detector
        self._stream = FrameStream(loaded)
        self._last: tuple[QueryWatch, Frame] | None = None

    def next(self, frame: Frame) -> Detections:
        """The detections of a frame that went through the transforms."""
        with watched_queries(self._model) as watch:
            found = self._stream.next(frame)
        self._last = watch, frame
        return found

    def tell(
        self,
        found: Detections,
        rows: Sequence[int],
        source: str,
        images: Sequence[RecordedImage],
        heads: bool = False,
    ) -> tuple[QueryStory, ...]:
        """Stories of predictions of the frame that came last.

        Args:
            found: what `next` gave, or a part of it.
            rows: of `found`.
            source: name of these predictions in the recording.
            images: the recording's, in whose order and pixels the stories are told; cameras of the
                frame that are not among them are left out.
            heads: also give the maps of single heads, and not only their mean.
        """
        if self._last is None:
            raise ValueError("there is no story before the first frame")
        watch, frame = self._last
        return tell_stories(watch, found, rows, source, frame, images, heads)


def check_looks_around(loaded: LoadedDetector) -> None:
    """Refuses models without queries that look at the cameras of a car.

    Raises:
        DrivetrError: it is one.
    """
    if multi_view_part(loaded.detector) is None:
        raise DrivetrError(
            f"{loaded.spec.source} holds a {type(loaded.detector).__name__}, whose attention is not"
            " one of queries to the cameras around a car; expected a PETR, PETRv2, DETR3D,"
            " StreamPETR or RepDETR3D"
        )


def tell_stories(
    watch: QueryWatch,
    found: Detections,
    rows: Sequence[int],
    source: str,
    frame: Frame,
    images: Sequence[RecordedImage],
    heads: bool = False,
) -> tuple[QueryStory, ...]:
    """The stories of some predictions of a frame over which a detector has just run.

    Args:
        watch: of the run.
        found: its detections.
        rows: of `found`.
        source: name of the predictions in the recording.
        frame: as the detector got it.
        images: the recording's; see `StoryTeller.tell`.
        heads: also give the maps of single heads.
    """
    if not rows:
        return ()
    if found.queries is None:
        raise ValueError("detections that do not know their queries have no story")
    queries = found.queries[list(rows)].tolist()
    looked = _looked(watch, queries, heads)
    now = _onto_pictures(looked, frame, images, "")
    past = _onto_pictures(looked, frame, images, PAST) if _has_past(frame) else None
    path = watch.path(queries).cpu()
    stories = []
    for number, row in enumerate(rows):
        then = None if past is None else past[number]
        stories.append(
            QueryStory(
                source=source,
                row=int(row),
                attention=_maps(now[number], heads),
                path=path[number],
                camera_shares=_shares(now[number]),
                query=queries[number],
                past_attention=() if then is None else _maps(then, heads),
                past_shares=None if then is None else _shares(then),
            )
        )
    return tuple(stories)


def _looked(
    watch: QueryWatch, queries: Sequence[int], heads: bool
) -> Float[Tensor, "R L heads N h w"]:
    """Where queries looked in all layers; the mean of the heads stands for them if that will do."""
    layers = []
    for layer in range(len(watch)):
        looked = watch.attention(queries, layer)
        layers.append((looked if heads else looked.mean(1, keepdim=True)).cpu())
    return torch.stack(layers, dim=1)


def _has_past(frame: Frame) -> bool:
    return any(name.endswith(PAST) for name in frame.camera_names)


def _shares(looked: Float[Tensor, "L heads N h w"]) -> Float[Tensor, "L N"]:
    return looked.mean(1).sum((-2, -1))


def _maps(looked: Float[Tensor, "L heads N h w"], heads: bool) -> tuple[AttentionMap, ...]:
    """The mean of everything, then each layer's mean of heads, then, if wanted, each head."""
    of_layers = looked.mean(1)
    maps = [AttentionMap(-1, -1, of_layers.mean(0))]
    maps += [AttentionMap(layer, -1, one) for layer, one in enumerate(of_layers)]
    if heads:
        maps += [
            AttentionMap(layer, head, one)
            for layer, of_heads in enumerate(looked)
            for head, one in enumerate(of_heads)
        ]
    return tuple(maps)


def _onto_pictures(
    looked: Float[Tensor, "R L heads N h w"],
    frame: Frame,
    images: Sequence[RecordedImage],
    suffix: str,
) -> Float[Tensor, "R L heads N H W"]:
    """Maps over the network's inputs as maps over the recording's pictures.

    An input is a part of the picture, scaled and padded. All maps of a frame get one number of
    cells, such that those of the first picture are about as large as the network's.
    """
    place = {name: number for number, name in enumerate(frame.camera_names)}
    parts = [_input_from_picture(frame, image, place) for image in images]
    size = (1, 1)
    for part, image in zip(parts, images, strict=True):
        if part is not None:
            size = _grid(looked.shape[-2:], part, image.size, frame.cameras.pad_size)
            break
    told = []
    for part, image in zip(parts, images, strict=True):
        number = place.get(image.channel + suffix)
        if part is None or number is None:
            told.append(looked.new_zeros(*looked.shape[:3], *size))
        else:
            own = looked[:, :, :, number]
            told.append(_moved(own, part, image.size, frame.cameras.pad_size, size))
    return torch.stack(told, dim=3)


def _input_from_picture(
    frame: Frame, image: RecordedImage, place: dict[str, int]
) -> Float[Tensor, "4 4"] | None:
    """Takes pixels of a picture to those of the network's input; None without such a camera.

    Images of the past went through the same transforms as those of now.
    """
    number = place.get(image.channel)
    if number is None:
        return None
    to_input = frame.cameras.img_from_lidar[number].double().cpu()
    matrix: Tensor = to_input @ torch.linalg.inv(image.img_from_lidar.double().cpu())
    return matrix


def _grid(
    cells: Sequence[int],
    part: Float[Tensor, "4 4"],
    picture: tuple[int, int],
    pad_size: tuple[int, int],
) -> tuple[int, int]:
    scales = (float(part[1, 1].abs()), float(part[0, 0].abs()))  # rows, columns
    whole = [
        round(count * side * scale / padded)
        for count, side, scale, padded in zip(cells, picture, scales, pad_size, strict=True)
    ]
    return max(1, whole[0]), max(1, whole[1])


def _moved(
    maps: Float[Tensor, "R L heads h w"],
    part: Float[Tensor, "4 4"],
    picture: tuple[int, int],
    pad_size: tuple[int, int],
    size: tuple[int, int],
) -> Float[Tensor, "R L heads H W"]:
    """One camera's maps in cells that cover the picture; each keeps its sum."""
    rows, columns = (
        (torch.arange(n) + 0.5) / n * side for n, side in zip(size, picture, strict=True)
    )
    v, u = torch.meshgrid(rows.double(), columns.double(), indexing="ij")
    pixels = torch.stack([u, v, torch.ones_like(u)], dim=-1) @ part[:2, :3].T  # H W 2
    place = pixels / pixels.new_tensor([pad_size[1], pad_size[0]]) * 2 - 1
    flat = maps.flatten(0, 2)[None]  # 1 RLheads h w
    moved = F.grid_sample(flat, place[None].to(maps), align_corners=False)[0].view(
        *maps.shape[:3], *size
    )
    before, after = maps.sum((-2, -1), keepdim=True), moved.sum((-2, -1), keepdim=True)
    return moved * before / after.clamp(min=torch.finfo(maps.dtype).tiny)
