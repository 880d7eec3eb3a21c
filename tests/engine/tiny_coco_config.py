"""The smallest DETR, on the drawn COCO folder of tests/data/coco/small.py."""

from torch.optim import AdamW

from drivetr.data.coco.dataset import CocoDataset
from drivetr.data.image_transforms.crop import RandomSizeCrop
from drivetr.data.image_transforms.either import Either
from drivetr.data.image_transforms.flip import RandomFlip
from drivetr.data.image_transforms.normalize import Normalize
from drivetr.data.image_transforms.resize import RandomResize
from drivetr.models.detr import DETR
from drivetr.models.detr_criterion import DetrCriterion, ImageBoxMatcher
from drivetr.models.detr_postprocess import BestClassPostprocess
from drivetr.nn.backbones.tiny_resnet import TinyResNet
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.encoder import TransformerEncoder
from drivetr.nn.image_position import SinePosition

sizes = dict(embed_dim=16, num_heads=2, ffn_dim=16, num_layers=2)

model = dict(
    type=DETR,
    backbone=dict(type=TinyResNet, channels=(8, 16, 16), num_blocks=1, num_outs=1),
    position=dict(type=SinePosition, embed_dim=16),
    encoder=dict(type=TransformerEncoder, **sizes),
    decoder=dict(type=TransformerDecoder, **sizes),
    embed_dim=16,
    num_queries=6,
    num_classes=3,
)
criterion = dict(type=DetrCriterion, matcher=dict(type=ImageBoxMatcher), num_classes=3)
postprocess = dict(type=BestClassPostprocess)
classes = ("block", "bar", "spot")
train_data = dict(
    type=CocoDataset,
    dataroot="nowhere",
    version="2017",
    split="train2017",
    transforms=[
        dict(type=RandomFlip),
        dict(
            type=Either,
            first=[dict(type=RandomResize, sizes=(32, 48), longest=64)],
            second=[
                dict(type=RandomSizeCrop, smallest=24, largest=40),
                dict(type=RandomResize, sizes=(32,), longest=64),
            ],
        ),
        dict(type=Normalize),
    ],
    batch_size=3,
    num_workers=0,
)
test_data = dict(
    type=CocoDataset,
    dataroot="nowhere",
    version="2017",
    split="val2017",
    transforms=[dict(type=RandomResize, sizes=(40,), longest=64), dict(type=Normalize)],
    batch_size=4,
    num_workers=0,
)
optimizer = dict(type=AdamW, lr=1e-3, module_lr=dict(backbone=0.5))
schedule = dict(iterations=6, warmup_iterations=0, drop_after=0.5, min_ratio=0.1)
clip_norm = 1.0
checkpoint = dict(interval=2, keep=5)
