"""The demo's detector with the image tower of a CLIP model as its backbone.

The tower is the ViT of `configs/clip/clip_vit_synth.py` on images of another size: its learned
positions are interpolated. Its one map goes through ViTDet's simple pyramid. The other channels
that the demo's backbone gets, the ground rays, have no place in a published tower and are left out.
Not trained to the end here.

    drivetr train configs/petr/petr_clip_vit_synth.py --dataroot data/synth --version v1.0-synth \
        --cfg-options model.backbone.init=work_dirs/clip_vit_synth/last.pth
"""

from mmengine.config import read_base

from drivetr.nn.backbones.vit import ViT
from drivetr.nn.necks.simple_pyramid import SimplePyramid

with read_base():
    from .petr_point_synth import *

vit_dim = 128

model["normalizer"].update(  # CLIP's pixel statistics
    mean=(122.771, 116.746, 104.094), std=(68.5, 66.632, 70.323)
)
model["rays"] = None
model["backbone"] = dict(
    type=ViT,
    image_size=48,
    patch_size=8,
    num_layers=4,
    num_heads=4,
    embed_dim=vit_dim,
    mlp_dim=2 * vit_dim,
    eps=1e-5,
    activation="quick_gelu",
    clip_style=True,
    init=None,
)
model["neck"] = dict(type=SimplePyramid, in_channels=vit_dim, out_channels=embed_dim, scales=(1,))
optimizer.update(module_lr=dict(backbone=0.3))
