"""A PETR with all the parts of the published one, small enough to be run in milliseconds."""

from torch.optim import AdamW

from drivetr.data.nuscenes.dataset import NuScenesDataset
from drivetr.data.transforms.resize_crop_flip import ResizeCropFlip
from drivetr.models.box_head import BoxHead, SigmoidCentre
from drivetr.models.criterion import SetCriterion
from drivetr.models.matcher import HungarianMatcher
from drivetr.models.petr import PETR
from drivetr.models.postprocess import TopKPostprocess
from drivetr.nn.backbones.tiny_resnet import TinyResNet
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.frustum_position import FrustumPositionEncoding
from drivetr.nn.necks.cpfpn import CPFPN
from drivetr.nn.normalize import ImageNormalizer
from drivetr.nn.pointwise import PointwiseConv
from drivetr.nn.queries import LearnedQueries

span = (-51.2, -51.2, -5.0, 51.2, 51.2, 3.0)
width = 16

model = dict(
    type=PETR,
    normalizer=dict(type=ImageNormalizer, mean=(123.7, 116.3, 103.5), std=(58.4, 57.1, 57.4)),
    backbone=dict(type=TinyResNet, channels=(8, 8, 16), num_blocks=1),
    neck=dict(type=CPFPN, in_channels=(8, 16), out_channels=width),
    input_proj=dict(type=PointwiseConv, in_channels=width, out_channels=width),
    position=dict(type=FrustumPositionEncoding, embed_dim=width, num_depths=8),
    queries=dict(type=LearnedQueries, num_queries=7, embed_dim=width),
    decoder=dict(type=TransformerDecoder, embed_dim=width, num_heads=2, ffn_dim=32, num_layers=2),
    head=dict(
        type=BoxHead,
        embed_dim=width,
        num_classes=10,
        num_layers=2,
        centre=dict(type=SigmoidCentre, span=span),
        code="petr",
        share_branches=True,
    ),
    span=span,
)
postprocess = dict(type=TopKPostprocess)
criterion = dict(type=SetCriterion, matcher=dict(type=HungarianMatcher))
test_data = dict(
    type=NuScenesDataset,
    dataroot="data/nuscenes",
    version="v1.0-mini",
    split="mini_val",
    transforms=[dict(type=ResizeCropFlip, size=(32, 64))],
    num_workers=0,
)
train_data = test_data
optimizer = dict(type=AdamW, lr=1e-4)
schedule = dict(iterations=2)
