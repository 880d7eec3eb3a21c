"""The point-aware PETR behind a small ViT instead of a convolutional backbone.

Patches of 16 pixels give one map; the simple pyramid (arXiv:2203.16527) doubles it to the stride of
8 that the detector reads. A ViT takes three channels, so there are no ground rays. Built and tried
for a step only; for published weights take ViT's default sizes and `init`.

    drivetr train configs/petr/petr_vit_synth.py --dataroot data/synth --version v1.0-synth
"""

from mmengine.config import read_base

from drivetr.nn.backbones.vit import ViT
from drivetr.nn.necks.simple_pyramid import SimplePyramid

with read_base():
    from .petr_point_synth import *

vit_dim = 128

model["rays"] = None
model["backbone"] = dict(
    type=ViT, image_size=128, num_layers=4, num_heads=4, embed_dim=vit_dim, mlp_dim=2 * vit_dim
)
model["neck"] = dict(
    type=SimplePyramid,
    in_channels=vit_dim,
    out_channels=embed_dim,
    scales=(2,),
)
