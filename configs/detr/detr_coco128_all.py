"""A small DETR on all 128 training images of coco128, with DETR's augmentation at a small scale.

A hundred images teach a transformer from random weights next to nothing that holds for others: the
AP on the 64 images of val2017 is what it is.
"""

from mmengine.config import read_base

from drivetr.data.image_transforms.crop import RandomSizeCrop
from drivetr.data.image_transforms.either import Either
from drivetr.data.image_transforms.flip import RandomFlip
from drivetr.data.image_transforms.normalize import Normalize
from drivetr.data.image_transforms.resize import RandomResize

with read_base():
    from .detr_coco128_overfit import *

scales = (128, 144, 160, 176, 192)

train_data.update(
    first=None,
    transforms=[
        dict(type=RandomFlip),
        dict(
            type=Either,
            first=[dict(type=RandomResize, sizes=scales, longest=longest)],
            second=[
                dict(type=RandomResize, sizes=(160, 200, 240)),
                dict(type=RandomSizeCrop, smallest=150, largest=240),
                dict(type=RandomResize, sizes=scales, longest=longest),
            ],
        ),
        dict(type=Normalize),
    ],
)
test_data.update(split="val2017", first=None)
schedule.update(iterations=4000)
