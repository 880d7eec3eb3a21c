"""The tiny PETR with what PETRv2 adds to it."""

from mmengine.config import read_base

from drivetr.models.velocity import DisplacementVelocity
from drivetr.nn.feature_gate import FeatureGate

with read_base():
    from .tiny_petr_config import *

model["position"].update(gate=dict(type=FeatureGate, embed_dim=width))
model["head"].update(
    share_branches=False, group_dims=(2, 1, 3, 2, 2), velocity=dict(type=DisplacementVelocity)
)
