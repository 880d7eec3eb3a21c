"""The picture of where DETR looks: maps of chosen points and queries of one image."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from drivetr.data.decode import decode_image_file
from drivetr.engine.detr import LoadedDetr
from drivetr.errors import DrivetrError
from drivetr.models.detr_attention import DetrAttention, detr_attention
from drivetr.structures.detections2d import Detections2D
from drivetr.visual.attention_sheet import AttentionPanel, attention_sheet
from drivetr.visual.text import Canvas


@dataclass(frozen=True)
class Question:
    """What is to be looked at.

    Attributes:
        points: x and y in pixels of the image file, for the encoder's attention.
        queries: numbers of queries, for the decoder's; where there are neither points nor queries,
            those of the best detections.
        layer: of encoder and decoder, from 0; negative counts from the end.
        head: one attention head, None for the mean of all.
        most: how many detections are shown where no query is named.
    """

    points: list[tuple[float, float]] = field(default_factory=list)
    queries: list[int] = field(default_factory=list)
    layer: int = -1
    head: int | None = None
    most: int = 5

    @property
    def of_queries(self) -> bool:
        """Whether the decoder is asked."""
        return bool(self.queries) or not self.points


def draw_attention(loaded: LoadedDetr, image: Path, question: Question) -> Canvas:
    """A sheet with the image and one heat map for each point and query.

    Raises:
        DrivetrError: the file is no image, or there is no such point, query, layer or head.
    """
    sample = loaded.read(image)
    size = sample.original_size
    _check(question, loaded, size)
    try:
        found = detr_attention(
            loaded.model,
            sample.image.to(loaded.device),
            encoder_layer=question.layer if question.points else None,
            decoder_layer=question.layer if question.of_queries else None,
        )
    except ValueError as error:
        raise DrivetrError(f"--layer {question.layer}: {error}") from error
    shown = sample.image.shape[-2:]
    cell_px = (found.stride * size[0] / shown[0], found.stride * size[1] / shown[1])
    panels = _point_panels(found, question, cell_px)
    panels += _query_panels(found, question, loaded, loaded.detections(found.outputs, size))
    pixels = decode_image_file(image).permute(1, 2, 0).contiguous().numpy()
    return attention_sheet(pixels, panels, cell_px)


def _check(question: Question, loaded: LoadedDetr, size: tuple[int, int]) -> None:
    """Refuses what the model or the image does not have."""
    count = loaded.model.query_embed.num_embeddings
    layer: Any = loaded.model.decoder.layers[0]
    heads: int = layer.self_attention.num_heads
    for query in question.queries:
        if not 0 <= query < count:
            raise DrivetrError(f"--query {query}: the model has the queries 0 to {count - 1}")
    for x, y in question.points:
        if not (0 <= x < size[1] and 0 <= y < size[0]):
            raise DrivetrError(
                f"--point {x:g},{y:g} is outside the image, which is {size[1]}x{size[0]} pixels"
            )
    if question.head is not None and not 0 <= question.head < heads:
        raise DrivetrError(f"--head {question.head}: the model has the heads 0 to {heads - 1}")


def _point_panels(
    found: DetrAttention, question: Question, cell_px: tuple[float, float]
) -> list[AttentionPanel]:
    if found.encoder is None:
        return []
    maps = _one_head(found.encoder, question.head)
    return [
        AttentionPanel(
            title=f"encoder from {x:g},{y:g}",
            weights=maps[int(y / cell_px[0]), int(x / cell_px[1])],
            point=(x, y),
        )
        for x, y in question.points
    ]


def _query_panels(
    found: DetrAttention, question: Question, loaded: LoadedDetr, detections: Detections2D
) -> list[AttentionPanel]:
    if found.decoder is None:
        return []
    maps = _one_head(found.decoder, question.head)
    best = detections.scores.argsort(descending=True)[: question.most].tolist()
    panels = []
    for query in question.queries or best:
        name = loaded.class_name(int(detections.labels[query]))
        left, top, right, bottom = detections.boxes[query].tolist()
        title = f"query {query}: {name} {float(detections.scores[query]):.2f}"
        panels.append(AttentionPanel(title, maps[query], box=(left, top, right, bottom)))
    return panels


def _one_head(maps: Tensor, head: int | None) -> NDArray[np.float32]:
    chosen = maps.mean(0) if head is None else maps[head]
    weights: NDArray[np.float32] = chosen.float().cpu().numpy()
    return weights
