"""DETR-R50 (arXiv:2005.12872), the short schedule of the paper's ablations: 300 epochs.

The rate falls by ten after 200 epochs. The paper trained on 16 GPUs with 4 images each; published:
40.6 AP with this schedule (table 3), 42.0 AP after 500 epochs with the drop after 400. The authors'
code takes the same rate for 16 images a step, so drivetr scales nothing with the batch. Not trained
here; on 16 V100 the paper's authors waited three days.

Labels are COCO's own numbers, as in the published weights. The backbone starts from torchvision's
ResNet-50 and keeps its batch norm, stem and first stage as they are.

    drivetr train configs/detr/detr_r50.py --dataroot data/coco --version 2017 \
        --cfg-options model.backbone.init=resnet50.pth
    drivetr test work_dirs/detr_r50/last.pth --dataroot data/coco --version 2017 --split val2017
"""

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
from drivetr.nn.backbones.resnet import ResNet
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.encoder import TransformerEncoder
from drivetr.nn.image_position import SinePosition
from drivetr.structures.coco_classes import COCO_SLOTS

num_classes = 91
scales = (480, 512, 544, 576, 608, 640, 672, 704, 736, 768, 800)
longest = 1333

model = dict(
    type=DETR,
    backbone=dict(type=ResNet, depth=50, stages=(4,), frozen_stages=1, frozen_norm=True, init=None),
    position=dict(type=SinePosition, embed_dim=256),
    encoder=dict(type=TransformerEncoder),
    decoder=dict(type=TransformerDecoder),
    num_queries=100,
    num_classes=num_classes,
)
criterion = dict(type=DetrCriterion, matcher=dict(type=ImageBoxMatcher), num_classes=num_classes)
postprocess = dict(type=BestClassPostprocess)
classes = COCO_SLOTS

train_data = dict(
    type=CocoDataset,
    dataroot="data/coco",
    version="2017",
    split="train2017",
    labels="category_id",
    transforms=[
        dict(type=RandomFlip),
        dict(
            type=Either,
            first=[dict(type=RandomResize, sizes=scales, longest=longest)],
            second=[
                dict(type=RandomResize, sizes=(400, 500, 600)),
                dict(type=RandomSizeCrop, smallest=384, largest=600),
                dict(type=RandomResize, sizes=scales, longest=longest),
            ],
        ),
        dict(type=Normalize),
    ],
    batch_size=4,
    num_workers=4,
)
test_data = dict(
    type=CocoDataset,
    dataroot="data/coco",
    version="2017",
    split="val2017",
    labels="category_id",
    transforms=[
        dict(type=RandomResize, sizes=(800,), longest=longest),
        dict(type=Normalize),
    ],
    batch_size=2,
    num_workers=4,
)
optimizer = dict(type=AdamW, lr=1e-4, weight_decay=1e-4, module_lr=dict(backbone=0.1))
schedule = dict(epochs=300, warmup_iterations=0, drop_after=2 / 3, min_ratio=0.1)
clip_norm = 0.1
checkpoint = dict(interval=1848, keep=2)
