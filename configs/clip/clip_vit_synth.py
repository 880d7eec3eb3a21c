"""The recipe of `clip_synth` with a ViT as the image tower, which can be PETR's backbone.

The ViT learns slowly from so few objects; see `configs/petr/petr_clip_vit_synth.py`.

    drivetr train configs/clip/clip_vit_synth.py --dataroot data/synth_clip --version v1.0-synth
"""

from mmengine.config import read_base

from drivetr.nn.backbones.vit import ViT

with read_base():
    from .clip_synth import *

vit_dim = 128

model["vision"] = dict(
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
)
optimizer.update(lr=1e-3)
