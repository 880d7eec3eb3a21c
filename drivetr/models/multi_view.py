"""What the detectors have in common whose object queries look at all cameras around a car.

PETR and DETR3D differ in what queries start as, and in what of the images they look at; how images
become feature maps, how the decoder repeats itself and what it tells is the same.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from drivetr.geometry.boxes import CENTER
from drivetr.models.box_head import BoxHead
from drivetr.models.denoising import NoisedQueries
from drivetr.models.velocity import Remembered, elapsed_seconds
from drivetr.nn.decoder import PastKeys, TransformerDecoder
from drivetr.nn.normalize import ImageNormalizer
from drivetr.nn.position import Position
from drivetr.nn.ranges import Range3D, metres_from_unit, unit_from_metres
from drivetr.nn.ray_channels import GroundRays
from drivetr.structures.cameras import Cameras
from drivetr.structures.moments import Moments

Outputs = dict[str, Any]
EncodeQueries = Callable[[Float[Tensor, "B Q 3"]], Position]
SCORES = {"pred_logits", "pred_objectness"}
BLIND_LOGIT = -1e4  # a score of exactly zero, and still a finite loss


@dataclass(frozen=True)
class ImageTokens:
    """What the cameras show, as the decoder looks at it.

    Attributes:
        content: what the cross-attention looks at: one token a feature cell (B,M,C) in the order
            (camera, row, column), or a `FeaturePyramid` that it takes samples of.
        position: where they are.
        visible: True for tokens to look at, None where all are.
        blind: True for samples in which no camera showed anything.
        depth: what the depth head says of every token, if there is one.
        cameras: that it was seen by.
    """

    content: Any
    position: Position
    visible: Bool[Tensor, "B 1 1 M"] | None
    blind: Bool[Tensor, "B"]
    depth: dict[str, Tensor] | None = None
    cameras: Cameras | None = None


@dataclass(frozen=True)
class QueryStart:
    """What the decoder begins with.

    Attributes:
        content: of the queries, noised ones first.
        reference: their reference points in units of the detection range.
        encode: positions of the queries from their present reference points.
        past: what they see in their self-attention besides one another.
        remembered: queries of earlier frames, for a head that asks.
    """

    content: Float[Tensor, "B Q C"]
    reference: Float[Tensor, "B Q 3"]
    encode: EncodeQueries
    past: PastKeys | None = None
    remembered: Remembered | None = None


class MultiViewDetector(nn.Module, ABC):
    """Images to feature maps to what queries look at, and a decoder with a head for every layer.

    A detector adds `image_features`, `encode` and `start`.

    Args:
        normalizer: turns pixels of 0..255 into what the backbone was trained on.
        backbone: images (B*N,3,H,W) to a list of feature maps.
        neck: that list to another one.
        decoder: the stack of attention layers.
        head: reads logits and boxes out of the queries.
        span: the detection range, in metres of the reference frame.
        refine: every layer starts from the (detached) centres of the one before.
        rays: extra input channels of the backbone.
    """

    def __init__(
        self,
        normalizer: ImageNormalizer,
        backbone: nn.Module,
        neck: nn.Module,
        decoder: TransformerDecoder,
        head: BoxHead,
        span: Range3D,
        refine: bool = False,
        rays: GroundRays | None = None,
    ) -> None:
        super().__init__()
        self.normalizer = normalizer
        self.backbone = backbone
        self.neck = neck
        self.decoder = decoder
        self.head = head
        self.rays = rays
        self.span = span
        self.refine = refine

    @property
    def may_start_fresh(self) -> tuple[str, ...]:
        """Parameters that weights of a detector without a past lack, for `init`."""
        return tuple(name for name in self.state_dict() if name.startswith("head.velocity."))

    def forward(
        self,
        images: Tensor,
        cameras: Cameras,
        moments: Moments | None = None,
        memory: None = None,
        noised: NoisedQueries | None = None,
    ) -> tuple[Outputs, None]:
        """Detects the objects around the car.

        Args:
            images: (B,N,3,H,W) RGB in 0..255.
            cameras: calibration, padding and validity of the images.
            moments: when and where; a detector of one moment does not look at them.
            memory: none is kept between frames.
            noised: in training, ground truth with noise that the decoder is to repair.

        Returns:
            outputs of `decode`, and the memory for the next frame (none).
        """
        tokens = self.encode(self.image_features(images, cameras), cameras)
        return self.decode(tokens, self.start(len(images), noised), noised), memory

    @abstractmethod
    def image_features(self, images: Tensor, cameras: Cameras) -> Any:
        """Every camera on its own through backbone and neck: what `encode` takes."""

    @abstractmethod
    def encode(self, features: Any, cameras: Cameras) -> ImageTokens:
        """From image features to what the decoder looks at."""

    @abstractmethod
    def start(self, batch: int, noised: NoisedQueries | None = None) -> QueryStart:
        """The detector's own queries, behind the noised ones if there are any."""

    def image_maps(self, images: Tensor, cameras: Cameras) -> list[Float[Tensor, "B N C _ _"]]:
        """All maps of the neck, finest first."""
        inputs = self.normalizer(images)
        inputs = inputs * cameras.valid[..., None, None, None]
        if self.rays is not None:
            inputs = torch.cat([inputs, self.rays(cameras).to(inputs)], dim=2)
        maps: list[Tensor] = self.neck(self.backbone(inputs.flatten(0, 1)))
        return [level.unflatten(0, images.shape[:2]) for level in maps]

    def decode(
        self, tokens: ImageTokens, start: QueryStart, noised: NoisedQueries | None = None
    ) -> Outputs:
        """From tokens and queries to logits and boxes of every layer.

        Returns:
            `pred_logits` (B,Q,K), `pred_boxes` (B,Q,10) in the convention of
            `drivetr.geometry.boxes` and what else the head tells; `aux_outputs` with the same of
            every earlier layer; `queries` (B,Q,C), what the last layer's head read; `anchors`
            (B,Q,3), where the queries started, in metres; `blind` (B,), True where no camera showed
            anything; `tokens` of the depth head and `denoising` if there are such parts.
        """
        query, reference = start.content, start.reference
        past = 0 if start.past is None else start.past.content.shape[1]
        query_mask = None if noised is None else noised.attention_mask(query.shape[1], past)
        earlier: Tensor | Remembered | None = start.remembered
        if earlier is None and self.head.velocity is not None:
            earlier = elapsed_seconds(tokens.cameras)
        layers = []
        for index in range(len(self.decoder)):
            query, attended = self.decoder.step(
                index,
                query,
                tokens.content,
                start.encode(reference),
                tokens.position,
                query_mask,
                tokens.visible,
                start.past,
            )
            normed = self.decoder.post_norm(query)
            found = self.head(index, normed, reference, attended, earlier)
            for name in SCORES & found.keys():
                found[name] = found[name].masked_fill(tokens.blind[:, None, None], BLIND_LOGIT)
            layers.append(found)
            if self.refine:
                reference = unit_from_metres(found["pred_boxes"][..., CENTER], self.span).detach()
        outputs = assemble_outputs(layers, noised, tokens.depth)
        count = 0 if noised is None else noised.reference.shape[1]
        outputs["queries"] = normed[:, count:]
        outputs["anchors"] = metres_from_unit(start.reference[:, count:], self.span)
        outputs["blind"] = tokens.blind
        return outputs


def learned_start(
    queries: Any, encode: EncodeQueries, batch: int, noised: NoisedQueries | None
) -> QueryStart:
    """Queries that know nothing but what follows from where they are, noised ones first.

    Args:
        queries: `LearnedQueries` or `GridQueries`: reference() and content(reference).
        encode: positions from reference points.
        batch: samples B.
        noised: ground truth with noise.
    """
    reference = queries.reference().expand(batch, -1, -1)
    if noised is not None:
        reference = torch.cat([noised.reference, reference], dim=1)
    content = queries.content(reference)  # B Q C
    return QueryStart(content, reference, encode)


def assemble_outputs(
    layers: list[dict[str, Tensor]],
    noised: NoisedQueries | None,
    tokens: dict[str, Tensor] | None,
) -> Outputs:
    """The output dictionary from what the head read of all layers, denoising queries first."""
    count = 0 if noised is None else noised.reference.shape[1]
    predictions = [{name: x[:, count:] for name, x in layer.items()} for layer in layers]
    outputs: Outputs = {**predictions[-1], "aux_outputs": predictions[:-1]}
    if tokens is not None:
        outputs["tokens"] = tokens
    if noised is not None:
        outputs["denoising"] = {
            "noised": noised,
            "layers": [{name: x[:, :count] for name, x in layer.items()} for layer in layers],
        }
    return outputs
