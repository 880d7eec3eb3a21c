"""A small DETR on all 128 training images of coco128, with DETR's augmentation at a small scale.

A hundred images teach a detector from random weights next to nothing that holds for others: the AP
on the 64 images of val2017 is what it is.

    drivetr train configs/detr/detr_coco128_all.py --dataroot COCO128 --version 2017
    drivetr test work_dirs/detr_coco128_all/last.pth --dataroot COCO128 --version 2017 \
        --split val2017
"""

from mmengine.config import read_base

from drivetr.data.image_transforms.crop import RandomSizeCrop
from drivetr.data.image_transforms.either import Either
from drivetr.data.image_transforms.flip import RandomFlip
from drivetr.data.image_transforms.normalize import Normalize
from drivetr.data.image_transforms.resize import RandomResize

with read_base():
    from .detr_coco128_overfit import *

scales = (96, 112, 128, 144, 160)
largest = 160

model["encoder"].update(dropout=0.1)
model["decoder"].update(dropout=0.1)
train_data.update(
    first=None,
    transforms=[
        dict(type=RandomFlip),
        dict(
            type=Either,
            first=[dict(type=RandomResize, sizes=scales, longest=largest)],
            second=[
                dict(type=RandomResize, sizes=(128, 160, 192)),
                dict(type=RandomSizeCrop, smallest=123, largest=192),
                dict(type=RandomResize, sizes=scales, longest=largest),
            ],
        ),
        dict(type=Normalize),
    ],
)
test_data.update(
    split="val2017",
    first=None,
    transforms=[
        dict(type=RandomResize, sizes=(largest,), longest=largest),
        dict(type=Normalize),
    ],
)
schedule.update(iterations=1500)
