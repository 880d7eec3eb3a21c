"""DETR-R50-DC5: the last stage dilated instead of strided, so four times as many tokens.

Published: 43.3 AP after 500 epochs (arXiv:2005.12872, table 1), with one image a GPU, which is also
how it should be tested: its authors saw the AP fall where padding joins in. Not trained here.
"""

from mmengine.config import read_base

with read_base():
    from .detr_r50 import *

model["backbone"].update(dilated=True)
train_data.update(batch_size=1)
test_data.update(batch_size=1)
checkpoint.update(interval=7393)
