"""The spatial encoding joins the encoder's input, queries the decoder's (39.2 AP in the paper)."""

from mmengine.config import read_base

with read_base():
    from ..detr_shapes import *

model.update(spatial_encoding="input")
