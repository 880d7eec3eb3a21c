"""PETRv2 with VoVNet-99 at 320x800, as published (petrv2_vovnet_gridmask_p4_800x320.py).

The config of the published checkpoint (arXiv:2206.01256): mAP 41.0, NDS 50.3 on val according to
its authors, after 24 epochs from the same VoVNet-99 as PETR's. It differs from PETR in the images
of one earlier moment, a gate on the position encoding, branches in groups, a set of them for every
layer, and a velocity that is displacement over time. Not trained here.
"""

from mmengine.config import read_base

from drivetr.data.nuscenes.past import PastImages
from drivetr.models.velocity import DisplacementVelocity
from drivetr.nn.feature_gate import FeatureGate

with read_base():
    from ..petr.petr_vov_p4_320x800 import *

model["position"].update(gate=dict(type=FeatureGate, embed_dim=256))
model["head"].update(
    share_branches=False, group_dims=(2, 1, 3, 2, 2), velocity=dict(type=DisplacementVelocity)
)
criterion.update(code_weights=(1.0,) * 10)
train_data.update(past=dict(type=PastImages))
test_data.update(past=dict(type=PastImages, first=14, end=15))
