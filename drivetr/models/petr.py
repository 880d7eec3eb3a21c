"""PETR: Position Embedding TRansformation for multi-view 3D object detection (arXiv:2203.05625).

The same forward pass serves the published detector, the point-aware one, the controls and PETRv2
(arXiv:2206.01256): they differ in the position encoding, the queries and the head that are handed
to the constructor. PETRv2's images of the past are further cameras, seen from where the car is now.
"""

from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor, nn

from drivetr.models.box_head import BoxHead
from drivetr.models.denoising import NoisedQueries
from drivetr.models.depth_head import DepthHead
from drivetr.models.multi_view import ImageTokens, MultiViewDetector, QueryStart, learned_start
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.normalize import ImageNormalizer
from drivetr.nn.padding import padding_mask
from drivetr.nn.position import PositionEncoding
from drivetr.nn.ranges import Range3D
from drivetr.nn.ray_channels import GroundRays
from drivetr.structures.cameras import Cameras


class PETR(MultiViewDetector):
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
        super().__init__(normalizer, backbone, neck, decoder, head, span, refine, rays)
        self.input_proj = input_proj or nn.Identity()
        self.position = position
        # LearnedQueries, GridQueries: reference() and content(reference).
        self.queries: Any = queries
        self.depth_head = depth_head
        self.token_embedding = token_embedding

    def image_features(self, images: Tensor, cameras: Cameras) -> Float[Tensor, "B N C H W"]:
        """Every camera on its own through backbone and neck."""
        return self.image_maps(images, cameras)[0]

    def encode(self, features: Float[Tensor, "B N C H W"], cameras: Cameras) -> ImageTokens:
        """From image features to tokens that know where they are."""
        features = self.input_proj(features.flatten(0, 1)).unflatten(0, features.shape[:2])
        depth = None if self.depth_head is None else self.depth_head(features, cameras)
        points = None if depth is None else depth["points"]
        content = features.permute(0, 1, 3, 4, 2).flatten(1, 3)  # B NHW C
        if self.token_embedding is not None and depth is not None:
            content = content + self.token_embedding(depth).flatten(1, 3)
        return ImageTokens(
            content=content,
            position=self.position.encode_keys(features, cameras, points),
            visible=visible_tokens(cameras, (features.shape[-2], features.shape[-1])),
            blind=~cameras.valid.any(-1),
            depth=depth,
            cameras=cameras,
        )

    def start(self, batch: int, noised: NoisedQueries | None = None) -> QueryStart:
        """The detector's own queries, behind the noised ones if there are any."""
        return learned_start(self.queries, self.position.encode_queries, batch, noised)


def visible_tokens(
    cameras: Cameras, feature_size: tuple[int, int]
) -> Bool[Tensor, "B 1 1 M"] | None:
    """True for tokens that show an image: neither padding nor an absent camera.

    The mask is None where all tokens count, which is the common case and the faster one.
    """
    padding = padding_mask(cameras, feature_size)  # B N H W
    visible = (~padding & cameras.valid[..., None, None]).flatten(1)
    return None if bool(visible.all()) else visible[:, None, None]
