"""PETR: Position Embedding TRansformation for multi-view 3D object detection (arXiv:2203.05625).

The same forward pass serves the published detector, the point-aware one and the controls: they
differ in the position encoding, the queries and the head that are handed to the constructor.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from drivetr.geometry.boxes import CENTER
from drivetr.models.box_head import BoxHead
from drivetr.models.denoising import NoisedQueries
from drivetr.models.depth_head import DepthHead
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.normalize import ImageNormalizer
from drivetr.nn.padding import padding_mask
from drivetr.nn.position import PositionEncoding
from drivetr.nn.ranges import Range3D, metres_from_unit, unit_from_metres
from drivetr.nn.ray_channels import GroundRays
from drivetr.structures.cameras import Cameras

Outputs = dict[str, Any]
SCORES = {"pred_logits", "pred_objectness"}
BLIND_LOGIT = -1e4  # a score of exactly zero, and still a finite loss


class PETR(nn.Module):
    """Object queries attend to the tokens of all cameras at once.

    Args:
        normalizer: turns pixels of 0..255 into what the backbone was trained on.
        backbone: images (B*N,3,H,W) to a list of feature maps.
        neck: that list to another one, whose first map is used.
        position: encodes where tokens and queries are.
        queries: where queries start.
        decoder: the stack of attention layers.
        head: reads logits and boxes out of the queries.
        span: the detection range, in metres of the reference frame.
        refine: every layer starts from the (detached) centres of the one before.
        depth_head: gives each token a 3D point, and a loss of its own in training.
        token_embedding: adds what the depth head thinks a token shows to the token's content.
        rays: extra input channels of the backbone.
        input_proj: projection of the neck's map before anything else, as in the published head.
    """

    def __init__(  # noqa: PLR0913 - each argument is one part of the paper's figure
        self,
        normalizer: ImageNormalizer,
        backbone: nn.Module,
        neck: nn.Module,
        position: PositionEncoding,
        queries: nn.Module,
        decoder: TransformerDecoder,
        head: BoxHead,
        span: Range3D,
        refine: bool = False,
        depth_head: DepthHead | None = None,
        token_embedding: nn.Module | None = None,
        rays: GroundRays | None = None,
        input_proj: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.normalizer = normalizer
        self.backbone = backbone
        self.neck = neck
        self.input_proj = input_proj or nn.Identity()
        self.position = position
        # LearnedQueries, GridQueries: reference() and content(reference).
        self.queries: Any = queries
        self.decoder = decoder
        self.head = head
        self.depth_head = depth_head
        self.token_embedding = token_embedding
        self.rays = rays
        self.span = span
        self.refine = refine

    def forward(
        self,
        images: Tensor,
        cameras: Cameras,
        memory: None = None,
        noised: NoisedQueries | None = None,
    ) -> tuple[Outputs, None]:
        """Detects the objects around the car.

        Args:
            images: (B,N,3,H,W) RGB in 0..255.
            cameras: calibration, padding and validity of the images.
            memory: PETR keeps none between frames.
            noised: in training, ground truth with noise that the decoder is to repair.

        Returns:
            outputs, and the memory for the next frame (none). The outputs are `pred_logits`
            (B,Q,K), `pred_boxes` (B,Q,10) in the convention of `drivetr.geometry.boxes` and what
            else the head tells; `aux_outputs` with the same of every earlier layer; `anchors`
            (B,Q,3), where the queries started, in metres; `blind` (B,), True where no camera showed
            anything; `tokens` of the depth head and `denoising` if there are such parts.
        """
        features = self.image_features(images, cameras)  # B N C H W
        return self.detect(features, cameras, noised), memory

    def image_features(self, images: Tensor, cameras: Cameras) -> Float[Tensor, "B N C H W"]:
        """Every camera on its own through backbone and neck."""
        inputs = self.normalizer(images)
        inputs = inputs * cameras.valid[..., None, None, None]
        if self.rays is not None:
            inputs = torch.cat([inputs, self.rays(cameras).to(inputs)], dim=2)
        features: Tensor = self.neck(self.backbone(inputs.flatten(0, 1)))[0]
        return features.unflatten(0, images.shape[:2])

    def detect(
        self,
        features: Float[Tensor, "B N C H W"],
        cameras: Cameras,
        noised: NoisedQueries | None = None,
    ) -> Outputs:
        """The head: from image features to logits and boxes of every layer."""
        features = self.input_proj(features.flatten(0, 1)).unflatten(0, features.shape[:2])
        tokens = None if self.depth_head is None else self.depth_head(features, cameras)
        points = None if tokens is None else tokens["points"]
        memory = features.permute(0, 1, 3, 4, 2).flatten(1, 3)  # B NHW C
        if self.token_embedding is not None and tokens is not None:
            memory = memory + self.token_embedding(tokens).flatten(1, 3)
        memory_position = self.position.encode_keys(features, cameras, points)
        visible = visible_tokens(cameras, (features.shape[-2], features.shape[-1]))
        seen = cameras.valid.any(-1)[:, None, None]

        anchors = reference = self.queries.reference().expand(len(features), -1, -1)
        query_mask = None
        if noised is not None:
            reference = torch.cat([noised.reference, reference], dim=1)
            query_mask = noised.attention_mask(reference.shape[1])
        query = self.queries.content(reference)  # B Q C
        layers = []
        for index in range(len(self.decoder)):
            query_position = self.position.encode_queries(reference)
            query, attended = self.decoder.step(
                index, query, memory, query_position, memory_position, query_mask, visible
            )
            found = self.head(index, self.decoder.post_norm(query), reference, attended)
            for name in SCORES & found.keys():
                found[name] = found[name].masked_fill(~seen, BLIND_LOGIT)
            layers.append(found)
            if self.refine:
                reference = unit_from_metres(found["pred_boxes"][..., CENTER], self.span).detach()
        outputs = assemble_outputs(layers, noised, tokens)
        outputs["anchors"] = metres_from_unit(anchors, self.span)
        outputs["blind"] = ~seen[:, 0, 0]
        return outputs


def visible_tokens(
    cameras: Cameras, feature_size: tuple[int, int]
) -> Bool[Tensor, "B 1 1 M"] | None:
    """True for tokens that show an image: neither padding nor an absent camera.

    The mask is None where all tokens count, which is the common case and the faster one.
    """
    padding = padding_mask(cameras, feature_size)  # B N H W
    visible = (~padding & cameras.valid[..., None, None]).flatten(1)
    return None if bool(visible.all()) else visible[:, None, None]


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
