"""PETR's encoding, queries and centre in the demo's size and recipe."""

from mmengine.config import read_base

from drivetr.models.box_head import SigmoidCentre
from drivetr.nn.frustum_position import FrustumPositionEncoding
from drivetr.nn.queries import LearnedQueries

with read_base():
    from ..petr.petr_point_synth import *

model["rays"] = None
model["backbone"].update(in_channels=3)
model["depth_head"] = None
model["token_embedding"] = None
model["position"] = dict(
    type=FrustumPositionEncoding,
    embed_dim=embed_dim,
    position_range=(-20.0, -20.0, -6.0, 20.0, 20.0, 6.0),
)
model["queries"] = dict(type=LearnedQueries, num_queries=144, embed_dim=embed_dim)
model["refine"] = False
model["decoder"].update(cross_widths=None, self_widths=None)
model["head"]["centre"] = dict(type=SigmoidCentre, span=span)
criterion["tokens"] = None
criterion["matcher"].update(anchor_weight=0.0)
