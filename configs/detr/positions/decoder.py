"""The spatial encoding joins the decoder's cross-attentions only (39.3 AP in the paper)."""

from mmengine.config import read_base

with read_base():
    from ..detr_shapes import *

model.update(spatial_encoding="decoder")
