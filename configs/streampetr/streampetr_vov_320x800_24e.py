"""StreamPETR with VoVNet-99 at 320x800, 644 + 256 queries, 24 epochs, as published.

The config of the published checkpoint (stream_petr_vov_flash_800_bs2_seq_24e.py), which `drivetr
convert` brings here (docs/model_zoo.md): mAP 48.2, NDS 57.1 on val according to its authors. Not
trained here. The published config once gave the images to the trunk as RGB; its last version, which
this follows, gives them as the trunk was pretrained, in BGR.
"""

from mmengine.config import read_base

from drivetr.nn.backbones.vovnet import VoVNet

with read_base():
    from .streampetr_r50_256x704_90e import *

input_size = (320, 800)
# The reference draws an absolute scale from (0.47, 0.625) where evaluation takes 0.5.
zoom_range = (0.47 / 0.5, 0.625 / 0.5)

model["detector"]["backbone"] = dict(
    type=VoVNet, stages=(4, 5), frozen_norm=True, with_checkpoint=True, init=None
)
model["detector"]["neck"].update(in_channels=(768, 1024))
model["detector"]["normalizer"].update(
    mean=(103.53, 116.28, 123.675), std=(57.375, 57.12, 58.395), bgr=True
)
train_data["transforms"][0].update(size=input_size, zoom_range=zoom_range)
test_data["transforms"][0].update(size=input_size)
optimizer["module_lr"] = {"detector.backbone": 0.1}
schedule.update(epochs=24)
