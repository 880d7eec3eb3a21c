"""DETR behind a small ViT and its simple pyramid (arXiv:2203.16527), on the synthetic 2D set.

DETR reads the last map of its backbone, here the doubled one: patches of 16 pixels, stride 8. Built
and tried for a step only.

    drivetr synth data/shapes --shapes 4000 500
    drivetr train configs/detr/detr_vit_shapes.py --dataroot data/shapes --version shapes
"""

from mmengine.config import read_base

from drivetr.nn.backbones.vit import ViT
from drivetr.nn.necks.simple_pyramid import SimplePyramid, WithPyramid

with read_base():
    from .detr_shapes import *

vit_dim = 96

model["backbone"] = dict(
    type=WithPyramid,
    trunk=dict(
        type=ViT, image_size=96, num_layers=4, num_heads=4, embed_dim=vit_dim, mlp_dim=2 * vit_dim
    ),
    pyramid=dict(type=SimplePyramid, in_channels=vit_dim, out_channels=embed_dim, scales=(2,)),
)
