"""The detector in RepDETR3D, StreamPETR's sparse variant: PETR's queries over a pyramid."""

from torch import nn

from drivetr.models.box_head import BoxHead
from drivetr.models.denoising import NoisedQueries
from drivetr.models.detr3d import PyramidDetector
from drivetr.models.multi_view import QueryStart, learned_start
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.normalize import ImageNormalizer
from drivetr.nn.query_position import QueryPosition
from drivetr.nn.ranges import Range3D


class PyramidPETR(PyramidDetector):
    """PETR's queries, which look at a pyramid where they stand: the detector in RepDETR3D.

    RepDETR3D is StreamPETR around this detector; its decoder's cross-attention is a
    `SampledAggregation`.

    Args:
        normalizer: turns pixels of 0..255 into what the backbone was trained on.
        backbone: images (B*N,3,H,W) to a list of feature maps.
        neck: that list to the levels of the pyramid.
        position: encodes where queries are.
        queries: where queries start.
        decoder: layers whose cross-attention takes samples.
        head: reads logits and boxes out of the queries.
        span: the detection range, in metres of the reference frame.
        refine: every layer starts from the (detached) centres of the one before.
    """

    def __init__(
        self,
        normalizer: ImageNormalizer,
        backbone: nn.Module,
        neck: nn.Module,
        position: QueryPosition,
        queries: nn.Module,
        decoder: TransformerDecoder,
        head: BoxHead,
        span: Range3D,
        refine: bool = False,
    ) -> None:
        super().__init__(normalizer, backbone, neck, decoder, head, span, refine)
        self.position = position
        self.queries = queries

    def start(self, batch: int, noised: NoisedQueries | None = None) -> QueryStart:
        """The detector's own queries, behind the noised ones if there are any."""
        return learned_start(self.queries, self.position.encode_queries, batch, noised)
