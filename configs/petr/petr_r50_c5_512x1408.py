"""PETR-R50 on feature maps of stride 32 at 512x1408 (petr_r50dcn_gridmask_c5.py).

Published with deformable convolutions (petr_r50dcn_c5_512x1408.py). Everything but the coarser
single map is that of the p4 config; not trained here.
"""

from mmengine.config import read_base
from torch.nn import Identity

with read_base():
    from .petr_r50_p4_512x1408 import *  # noqa: F403

model.update(neck=dict(type=Identity))  # noqa: F405
model["backbone"].update(stages=(4,))  # noqa: F405
model["input_proj"].update(in_channels=2048)  # noqa: F405
