"""No spatial encoding; the object queries are the decoder's input (32.8 AP in the paper)."""

from mmengine.config import read_base

with read_base():
    from ..detr_shapes import *

model.update(spatial_encoding="none")
