"""DETR3D: 3D object detection from multi-view images via 3D-to-2D queries (arXiv:2110.06922)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from drivetr.models.box_head import BoxHead
from drivetr.models.denoising import NoisedQueries
from drivetr.models.multi_view import ImageTokens, MultiViewDetector, QueryStart
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.feature_pyramid import FeaturePyramid
from drivetr.nn.normalize import ImageNormalizer
from drivetr.nn.position import Position
from drivetr.nn.ranges import Range3D, metres_from_unit
from drivetr.structures.cameras import Cameras


class PyramidDetector(MultiViewDetector):
    """A detector whose decoder takes samples of feature maps of several strides."""

    def image_features(self, images: Tensor, cameras: Cameras) -> list[Float[Tensor, "B N C _ _"]]:
        """Every camera on its own through backbone and neck."""
        return self.image_maps(images, cameras)

    def encode(self, features: list[Float[Tensor, "B N C _ _"]], cameras: Cameras) -> ImageTokens:
        """The maps together with the cameras that saw them."""
        return ImageTokens(
            content=FeaturePyramid(features, cameras),
            position=Position(),
            visible=None,
            blind=~cameras.valid.any(-1),
            cameras=cameras,
        )


class DETR3D(PyramidDetector):
    """Object queries stand somewhere in space and look where the cameras see that place.

    A query is learned: what it knows, how it presents itself to the others, and from the latter
    where it starts. Every layer moves it.

    Args:
        normalizer: turns pixels of 0..255 into what the backbone was trained on.
        backbone: images (B*N,3,H,W) to a list of feature maps.
        neck: that list to the levels of the pyramid.
        decoder: layers whose cross-attention is a `ProjectedSampling`, without a post-norm.
        head: reads logits and boxes out of the queries.
        span: the detection range, in metres of the reference frame.
        num_queries: Q.
        embed_dim: width C of the queries.
    """

    def __init__(
        self,
        normalizer: ImageNormalizer,
        backbone: nn.Module,
        neck: nn.Module,
        decoder: TransformerDecoder,
        head: BoxHead,
        span: Range3D,
        num_queries: int = 900,
        embed_dim: int = 256,
    ) -> None:
        super().__init__(normalizer, backbone, neck, decoder, head, span, refine=True)
        self.query_embedding = nn.Embedding(num_queries, 2 * embed_dim)  # position, then content
        self.reference_points = nn.Linear(embed_dim, 3)
        nn.init.xavier_uniform_(self.reference_points.weight)
        nn.init.zeros_(self.reference_points.bias)

    def start(self, batch: int, noised: NoisedQueries | None = None) -> QueryStart:
        """The learned queries, behind the noised ones if there are any.

        A noised query has the embedding of the learned one that starts next to it.
        """
        embedding = self.query_embedding.weight.expand(batch, -1, -1)  # B Q 2C
        position = embedding.chunk(2, dim=-1)[0]
        reference = self.reference_points(position).sigmoid()
        if noised is not None:
            nearest = torch.cdist(noised.reference, reference.detach()).argmin(-1)  # B D
            borrowed = self.query_embedding.weight[nearest]
            embedding = torch.cat([borrowed, embedding], dim=1)
            reference = torch.cat([noised.reference, reference], dim=1)
        position, content = embedding.chunk(2, dim=-1)

        def encode(points: Float[Tensor, "B Q 3"]) -> Position:
            return Position(position, metres_from_unit(points, self.span))

        return QueryStart(content, reference, encode)
