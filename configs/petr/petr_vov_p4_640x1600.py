"""PETR with VoVNet-99 at 640x1600, as published (petr_vovnet_gridmask_p4_1600x640.py).

The config of the published checkpoint, which `drivetr convert` brings here (docs/model_zoo.md): mAP
40.4, NDS 45.5 on val according to its authors. Not trained here. That of the paper's test set (mAP
44.1, NDS 50.4) differs in its data only: trainval, classes balanced, and a VoVNet-99 of DD3D which
has seen val; its weights were not published.
"""

from mmengine.config import read_base

with read_base():
    from .petr_vov_p4_320x800 import *

# The reference draws an absolute scale from (0.94, 1.25) where evaluation takes 1.
train_data["transforms"][0].update(size=(640, 1600), zoom_range=(0.94, 1.25))
test_data["transforms"][0].update(size=(640, 1600))
