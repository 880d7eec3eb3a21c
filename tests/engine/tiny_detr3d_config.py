"""DETR3D on the tiny PETR's trunk."""

from mmengine.config import read_base

from drivetr.models.detr3d import DETR3D
from drivetr.nn.necks.fpn import FPN
from drivetr.nn.projected_sampling import ProjectedSampling

with read_base():
    from .tiny_petr_config import *

head = model["head"]
head.update(share_branches=False)
look = dict(type=ProjectedSampling, span=span, embed_dim=width, num_levels=2)
decoder = model["decoder"]
decoder.update(cross_attention=[look] * 2, post_norm=False)
model = dict(
    type=DETR3D,
    normalizer=model["normalizer"],
    backbone=model["backbone"],
    neck=dict(type=FPN, in_channels=(8, 16), out_channels=width),
    decoder=decoder,
    head=head,
    span=span,
    num_queries=7,
    embed_dim=width,
)
