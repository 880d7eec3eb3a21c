"""PETR-R50DCN on maps of stride 32 at 512x1408, as published (petr_r50dcn_gridmask_c5.py).

The config of the published checkpoint, which `drivetr convert` brings here (docs/model_zoo.md): mAP
30.5, NDS 35.0 on val according to its authors. Not trained here.
"""

from mmengine.config import read_base

with read_base():
    from .petr_r50_c5_512x1408 import *

model["backbone"].update(deformable_stages=(3, 4))
