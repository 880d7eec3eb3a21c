"""PETR with VoVNet-99 at 320x800, as published (petr_vovnet_gridmask_p4_800x320.py).

The config of the published checkpoint, which `drivetr convert` brings here (docs/model_zoo.md): mAP
37.8, NDS 42.6 on val according to its authors, after 24 epochs from a VoVNet-99 that was trained on
nuScenes with FCOS3D (fcos3d_vovnet_imgbackbone-remapped.pth). Not trained here; the published
training also learns the factors of the batch norms, whose statistics alone are frozen there.
"""

from mmengine.config import read_base

from drivetr.nn.backbones.vovnet import VoVNet

with read_base():
    from .petr_r50_p4_512x1408 import *

input_size = (320, 800)
# The reference draws an absolute scale from (0.47, 0.625) where evaluation takes 0.5.
zoom_range = (0.47 / 0.5, 0.625 / 0.5)

model["backbone"] = dict(
    type=VoVNet, stages=(4, 5), frozen_norm=True, with_checkpoint=True, init=None
)
model["normalizer"].update(std=(57.375, 57.12, 58.395))
model["neck"].update(in_channels=(768, 1024))
train_data["transforms"][0].update(size=input_size, zoom_range=zoom_range)
test_data["transforms"][0].update(size=input_size)
