"""StreamPETR around the tiny PETR, with all the parts of the published one."""

from mmengine.config import read_base

from drivetr.models.focal_head import FocalHead
from drivetr.models.streampetr import StreamPETR
from drivetr.nn.feature_gate import FeatureGate
from drivetr.nn.query_memory import QueryMemory
from drivetr.nn.spatial_alignment import SpatialAlignment

with read_base():
    from .tiny_petr_config import *

channels = 32  # of the maps: the focal head's norms have 32 groups

detector = model
detector.pop("input_proj")
detector["neck"].update(out_channels=channels)
detector["position"].update(
    cell_offset=0.5, sine=False, gate=dict(type=FeatureGate, embed_dim=width)
)
detector["head"].update(code="streampetr")
model = dict(
    type=StreamPETR,
    detector=detector,
    memory=dict(
        type=QueryMemory, span=span, embed_dim=width, length=6, num_propagated=3, num_pushed=3
    ),
    alignment=dict(type=SpatialAlignment, in_channels=channels, embed_dim=width),
    focal=dict(type=FocalHead, in_channels=channels),
)
