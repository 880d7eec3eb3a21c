"""PETRv2 with VoVNet-99 at 320x800 (arXiv:2206.01256), as published.

The config of the published checkpoint (petrv2_vovnet_gridmask_p4_800x320.py), which `drivetr
convert` brings here (docs/model_zoo.md): mAP 41.0, NDS 50.3 on val according to its authors. Not
trained here. What its code calls task heads for x and y, z, size, heading and velocity are in truth
the raw columns of PETR's box code in groups of these sizes.
"""

from mmengine.config import read_base

from drivetr.models.velocity import DisplacementVelocity
from drivetr.nn.feature_gate import FeatureGate

with read_base():
    from ..petr.petr_vov_p4_320x800 import *

model["position"].update(gate=dict(type=FeatureGate, embed_dim=256))
model["head"].update(
    share_branches=False,
    group_dims=(2, 1, 3, 2, 2),
    velocity=dict(type=DisplacementVelocity),
)
criterion.update(code_weights=(1.0,) * 10)
