"""Faster R-CNN (arXiv:1506.01497) on the images and at the size of DETR's overfit config.

A check of the whole path, not a result: it is tested on what it is trained on. Nothing is
pretrained. Set prediction beside candidate boxes: docs/set_prediction_or_nms.md.

    drivetr train configs/classical/faster_rcnn_coco128.py --dataroot data/coco128
"""

from mmengine.config import read_base

with read_base():
    from ..detr.detr_coco128_overfit import *

from drivetr.models.classical_outputs import DiskPixels, OwnLosses
from drivetr.models.faster_rcnn import FasterRCNN
from drivetr.nn.necks.fpn import FPN

channels = (32, 64, 128)
model = dict(
    type=FasterRCNN,
    backbone=dict(type=TinyResNet, channels=channels, num_blocks=1, num_outs=3, group_norm=True),
    neck=dict(type=FPN, in_channels=channels, out_channels=64, num_outs=4),
    num_classes=num_classes,
    # The smallest objects are 3 pixels wide at this size of image, the largest 170.
    anchor_sizes=((5, 9), (16, 28), (48, 72), (104, 152)),
    head_dim=256,
    rois_per_image=64,
)
criterion = dict(type=OwnLosses)
postprocess = dict(type=DiskPixels)
optimizer = dict(type=AdamW, lr=1e-3, weight_decay=1e-4)
schedule = dict(iterations=600, warmup_iterations=50, warmup_ratio=0.05, min_ratio=0.01)
