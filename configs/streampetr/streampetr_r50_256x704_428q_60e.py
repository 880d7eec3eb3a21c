"""StreamPETR-R50 at 256x704 with 300 + 128 queries, from nuImages, 60 epochs, as published.

The config of the published checkpoint (stream_petr_r50_flash_704_bs2_seq_428q_nui_60e.py), which
`drivetr convert` brings here (docs/model_zoo.md): mAP 44.9, NDS 54.6 on val according to its
authors. Not trained here.
"""

from mmengine.config import read_base

with read_base():
    from .streampetr_r50_256x704_90e import *

model["detector"]["queries"].update(num_queries=300)
model["memory"].update(length=512, num_propagated=128, num_pushed=128)
optimizer["module_lr"] = {"detector.backbone": 0.1}
schedule.update(epochs=60)
