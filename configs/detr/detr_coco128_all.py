"""A small DETR on all 128 training images of coco128, flipped at random.

A hundred images teach a detector from random weights next to nothing that holds for others: the AP
on the 64 images of val2017 is what it is. With the published random crops and dropout, which are
made for a thousand times as many images, 1,500 steps did not even fit the training images.

    drivetr train configs/detr/detr_coco128_all.py --dataroot COCO128 --version 2017
    drivetr test work_dirs/detr_coco128_all/last.pth --dataroot COCO128 --version 2017 \
        --split val2017
"""

from mmengine.config import read_base

from drivetr.data.image_transforms.flip import RandomFlip
from drivetr.data.image_transforms.normalize import Normalize
from drivetr.data.image_transforms.resize import RandomResize

with read_base():
    from .detr_coco128_overfit import *

train_data.update(
    first=None,
    transforms=[
        dict(type=RandomFlip),
        dict(type=RandomResize, sizes=(longest,), longest=longest),
        dict(type=Normalize),
    ],
)
test_data.update(split="val2017", first=None)
schedule.update(iterations=3000)
