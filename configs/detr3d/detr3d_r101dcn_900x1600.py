"""DETR3D with ResNet-101 at full size (arXiv:2110.06922), as published (detr3d_res101_gridmask.py).

The config of the published checkpoints, which `drivetr convert` brings here (docs/model_zoo.md):
mAP 34.7, NDS 42.2 on val according to its authors, and 34.9 and 43.4 with every class equally
often, which drivetr does not offer. The backbone comes from FCOS3D. Not trained here.
"""

from mmengine.config import read_base

from drivetr.data.transforms.grid_mask import GridMask
from drivetr.data.transforms.object_range import ObjectRange
from drivetr.data.transforms.pad import Pad
from drivetr.data.transforms.photometric import PhotometricDistortion
from drivetr.models.detr3d import DETR3D
from drivetr.nn.necks.fpn import FPN
from drivetr.nn.projected_sampling import ProjectedSampling

with read_base():
    from ..petr.petr_r50dcn_p4_512x1408 import *

num_layers = 6

backbone = model["backbone"]
backbone.update(depth=101, stages=(1, 2, 3, 4), frozen_stages=1)
head = model["head"]
head.update(share_branches=False)
look = dict(type=ProjectedSampling, span=span)
model = dict(
    type=DETR3D,
    normalizer=model["normalizer"],
    backbone=backbone,
    neck=dict(
        type=FPN, in_channels=(256, 512, 1024, 2048), out_channels=256, start_level=1, num_outs=4
    ),
    decoder=dict(
        type=model["decoder"]["type"],
        ffn_dim=512,
        num_layers=num_layers,
        cross_attention=[look] * num_layers,
        post_norm=False,
    ),
    head=head,
    span=span,
)
fill_rgb = (123.675, 116.28, 103.53)
pad = dict(type=Pad, fill_rgb=fill_rgb)
train_data["transforms"] = [
    dict(type=PhotometricDistortion),
    dict(type=ObjectRange, pc_range=span),
    pad,
    dict(type=GridMask, fill_rgb=fill_rgb),
]
test_data["transforms"] = [pad]
amp = "off"
