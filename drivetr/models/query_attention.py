"""Why a multi-camera detector's query saw what it saw: where it looked, and where that led it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drivetr.geometry.boxes import CENTER
from drivetr.models.multi_view import MultiViewDetector, Outputs
from drivetr.models.streampetr import StreamPETR


class QueryWatch:
    """What the decoder was given in one forward pass, to be asked about some of its queries.

    Nothing is computed during the pass; `attention` works out the rows that it is asked for. The
    tensors of the pass stay alive as long as the watch does.

    Args:
        attentions: cross-attentions of the decoder's layers, which have a `weights` like their
            `forward`.
    """

    def __init__(self, attentions: Sequence[Any]) -> None:
        # MultiheadAttention, TwoMomentAttention, ProjectedSampling or SampledAggregation.
        self._attentions = attentions
        self._inputs: list[tuple[Any, ...]] = []
        self._cells: tuple[int, int] = (0, 0)
        self._outputs: Outputs | None = None

    def __len__(self) -> int:
        """Number of decoder layers."""
        return len(self._attentions)

    @torch.no_grad()
    def attention(
        self, queries: Sequence[int], layer: int
    ) -> Float[Tensor, "R heads N rows columns"]:
        """Where R queries looked in a layer.

        Cells are those of the feature map, or of the finest one where there are several, and cover
        the network's input with its padding. The N images are those of the detector's input. Each
        head sums to one over all of them, except where samples are taken outside the images
        (`SampledAggregation`), whose share is lost, and where no camera sees the query
        (`ProjectedSampling`). The first half of `TwoMomentAttention`'s heads looks at the images of
        now and the second at those of the past.

        Args:
            queries: rows of the outputs.
            layer: from 0.

        Raises:
            ValueError: no pass of a single frame was watched, or there is no such query.
        """
        outputs = self._watched()
        count = outputs["pred_boxes"].shape[1]
        if any(not 0 <= number < count for number in queries):
            raise ValueError(f"queries {list(queries)} are not all among the {count} there are")
        query, memory, query_position, *others = self._inputs[layer]
        rows = torch.tensor(list(queries), dtype=torch.long, device=query.device)
        asked = (query[:, rows], memory, query_position[rows], *others)
        weights: Tensor = self._attentions[layer].weights(*asked)
        return weights[0].transpose(0, 1).unflatten(-1, (-1, *self._cells))

    def path(self, queries: Sequence[int]) -> Float[Tensor, "R L+1 3"]:
        """Where R queries started, and the centre that each layer gave to their boxes, in metres.

        With `refine` each centre is the reference point of the next layer; without it the
        reference stays where the query started.

        Args:
            queries: rows of the outputs.

        Raises:
            ValueError: no pass of a single frame was watched.
        """
        outputs = self._watched()
        layers = [*outputs["aux_outputs"], outputs]
        stops = [outputs["anchors"], *(layer["pred_boxes"][..., CENTER] for layer in layers)]
        path: Tensor = torch.stack([stop[0, list(queries)].float() for stop in stops], dim=1)
        return path.detach()

    def _watched(self) -> Outputs:
        if self._outputs is None or len(self._outputs["pred_boxes"]) != 1:
            raise ValueError("a watch needs one forward pass of one frame before it can tell")
        return self._outputs

    def note_inputs(self, inputs: tuple[Any, ...]) -> None:
        """Takes down what a layer's cross-attention is called with."""
        self._inputs = [*self._inputs, inputs]

    def note_maps(self, maps: Sequence[Tensor]) -> None:
        """Takes down the neck's maps, with which a pass begins."""
        self._cells = (maps[0].shape[-2], maps[0].shape[-1])
        self._inputs = []

    def note_outputs(self, outputs: Outputs) -> None:
        """Takes down what the detector gives."""
        self._outputs = outputs


def multi_view_part(model: nn.Module) -> MultiViewDetector | None:
    """The detector that looks at the cameras: the model itself or what StreamPETR is around."""
    inner = model.detector if isinstance(model, StreamPETR) else model
    return inner if isinstance(inner, MultiViewDetector) else None


def cross_attentions(detector: MultiViewDetector) -> list[Any]:
    """Of the decoder's layers, in their order."""
    return [layer.cross_attention for layer in detector.decoder.layers]


@contextmanager
def watched_queries(model: nn.Module) -> Iterator[QueryWatch]:
    """Watches the forward passes of a detector within the block; the last one counts.

        with watched_queries(detector) as watch:
            outputs, memory = detector(images, cameras, moments, memory)
        watch.attention([3, 17], layer=5)  # R heads N rows columns

    Args:
        model: PETR, PETRv2, DETR3D, StreamPETR or RepDETR3D, in evaluation mode.

    Yields:
        the watch, which may be asked after the block as well.

    Raises:
        ValueError: the model is none of these.
    """
    detector = multi_view_part(model)
    if detector is None:
        raise ValueError(f"a {type(model).__name__} has no queries that look at several cameras")
    attentions = cross_attentions(detector)
    watch = QueryWatch(attentions)
    hooks = [
        detector.neck.register_forward_hook(lambda _, __, maps: watch.note_maps(maps)),
        model.register_forward_hook(lambda _, __, result: watch.note_outputs(result[0])),
        *(
            module.register_forward_pre_hook(lambda _, inputs: watch.note_inputs(inputs))
            for module in attentions
        ),
    ]
    try:
        yield watch
    finally:
        for hook in hooks:
            hook.remove()
