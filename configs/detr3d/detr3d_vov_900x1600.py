"""DETR3D with VoVNet-99 at full size, as published for nuScenes' test set.

The config of the published checkpoint (detr3d_vovnet_gridmask_det_final_trainval_cbgs.py), which
`drivetr convert` brings here (docs/model_zoo.md): mAP 41.2, NDS 47.9 on test according to its
authors, who trained it on trainval from a VoVNet-99 of DD3D: figures on val mean nothing. Not
trained here.
"""

from mmengine.config import read_base

from drivetr.nn.backbones.vovnet import VoVNet

with read_base():
    from .detr3d_r101dcn_900x1600 import *

model["normalizer"].update(std=(57.375, 57.12, 58.395))
model["backbone"] = dict(
    type=VoVNet, stages=(2, 3, 4, 5), frozen_stages=1, frozen_norm=True, init=None
)
model["neck"].update(in_channels=(256, 512, 768, 1024), start_level=0)
