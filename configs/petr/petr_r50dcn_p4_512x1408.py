"""PETR-R50DCN on maps of stride 16 at 512x1408, as published (petr_r50dcn_gridmask_p4.py).

The config of the published checkpoint, which `drivetr convert` brings here (docs/model_zoo.md): mAP
31.7, NDS 36.7 on val according to its authors. Not trained here.
"""

from mmengine.config import read_base

with read_base():
    from .petr_r50_p4_512x1408 import *

model["backbone"].update(deformable_stages=(3, 4))
