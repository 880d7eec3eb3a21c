"""The published default: sines join every attention of both halves (40.6 AP in the paper)."""

from mmengine.config import read_base

with read_base():
    from ..detr_shapes import *

model.update(spatial_encoding="attention")
