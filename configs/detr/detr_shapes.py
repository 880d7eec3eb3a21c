"""A small DETR on the synthetic 2D set, for one CPU thread and a minute.

As published but for its size and what size asks for: two stages of a small residual network to
stride 8, 64 channels, 2 + 3 layers, 12 queries, no dropout, one rate for all and no pretraining.
The sines' temperature is 20: with the published 10000 a training of 800 steps reached AP .06 and
not .25.

    drivetr synth data/shapes --shapes 3000 500
    drivetr train configs/detr/detr_shapes.py --dataroot data/shapes --version shapes
    drivetr test work_dirs/detr_shapes/last.pth --dataroot data/shapes --version shapes
"""

from torch.optim import AdamW

from drivetr.data.coco.dataset import CocoDataset
from drivetr.data.image_transforms.normalize import Normalize
from drivetr.models.detr import DETR
from drivetr.models.detr_criterion import DetrCriterion, ImageBoxMatcher
from drivetr.models.detr_postprocess import BestClassPostprocess
from drivetr.nn.backbones.tiny_resnet import TinyResNet
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.encoder import TransformerEncoder
from drivetr.nn.image_position import SinePosition

classes = ("circle", "square", "triangle", "star")
embed_dim = 64
layer = dict(embed_dim=embed_dim, num_heads=4, ffn_dim=2 * embed_dim, dropout=0.0)

model = dict(
    type=DETR,
    backbone=dict(type=TinyResNet, channels=(32, 64), num_blocks=1, num_outs=1, group_norm=True),
    position=dict(type=SinePosition, embed_dim=embed_dim, temperature=20.0),
    encoder=dict(type=TransformerEncoder, num_layers=2, **layer),
    decoder=dict(type=TransformerDecoder, num_layers=3, **layer),
    embed_dim=embed_dim,
    num_queries=12,
    num_classes=len(classes),
    spatial_encoding="attention",
)
postprocess = dict(type=BestClassPostprocess)
criterion = dict(type=DetrCriterion, matcher=dict(type=ImageBoxMatcher), num_classes=len(classes))

data = dict(type=CocoDataset, dataroot="data/shapes", version="shapes", num_workers=0)
transforms = [dict(type=Normalize, mean=(110.0, 110.0, 110.0), std=(50.0, 50.0, 50.0))]
train_data = dict(split="train_shapes", transforms=transforms, batch_size=8, **data)
test_data = dict(split="val_shapes", transforms=transforms, batch_size=50, **data)

optimizer = dict(type=AdamW, lr=1e-3, weight_decay=1e-4)
schedule = dict(iterations=1200, warmup_iterations=100)
clip_norm = 1.0
log_interval = 100
checkpoint = dict(interval=500, keep=1)
