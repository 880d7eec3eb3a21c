"""A small ViT (arXiv:2010.11929) on the same digits as configs/lenet/lenet_digits.py.

A patch is one pixel of the scanned image, so 64 of them and the class token attend to each other.

    pip install 'drivetr[digits]'
    drivetr train configs/vit/vit_digits.py
    drivetr test work_dirs/vit_digits/last.pth
"""

from mmengine.config import read_base

from drivetr.models.vit import ViTClassifier
from drivetr.nn.backbones.vit import ViT

with read_base():
    from ..lenet.lenet_digits import *

model = dict(
    type=ViTClassifier,
    trunk=dict(
        type=ViT,
        image_size=32,
        patch_size=4,
        num_layers=4,
        num_heads=4,
        embed_dim=64,
        mlp_dim=128,
    ),
    num_classes=10,
)
optimizer.update(lr=1e-3, weight_decay=0.05)
schedule.update(epochs=60, warmup_iterations=200)
