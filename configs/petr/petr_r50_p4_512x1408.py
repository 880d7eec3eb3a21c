"""PETR-R50 on maps of stride 16 at 512x1408 (arXiv:2203.05625; petr_r50dcn_gridmask_p4.py).

Published with deformable convolutions in the last two stages (petr_r50dcn_p4_512x1408.py), after 24
epochs on 8 GPUs with one frame each. This config has plain convolutions and was not trained here;
it wants the weights of a ResNet-50 whose blocks have their stride on the first convolution.

    drivetr train configs/petr/petr_r50_p4_512x1408.py --dataroot data/nuscenes \
        --version v1.0-trainval --cfg-options model.backbone.init=resnet50_caffe.pth
"""

from torch.optim import AdamW

from drivetr.data.nuscenes.dataset import NuScenesDataset
from drivetr.data.transforms.bev import GlobalRotScaleTransFlip
from drivetr.data.transforms.grid_mask import GridMask
from drivetr.data.transforms.object_range import ObjectRange
from drivetr.data.transforms.resize_crop_flip import ResizeCropFlip
from drivetr.models.box_head import BoxHead, SigmoidCentre
from drivetr.models.criterion import SetCriterion
from drivetr.models.matcher import HungarianMatcher
from drivetr.models.petr import PETR
from drivetr.models.postprocess import TopKPostprocess
from drivetr.nn.backbones.resnet import ResNet
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.frustum_position import FrustumPositionEncoding
from drivetr.nn.necks.cpfpn import CPFPN
from drivetr.nn.normalize import ImageNormalizer
from drivetr.nn.pointwise import PointwiseConv
from drivetr.nn.queries import LearnedQueries

span = (-51.2, -51.2, -5.0, 51.2, 51.2, 3.0)
position_range = (-61.2, -61.2, -10.0, 61.2, 61.2, 10.0)
input_size = (512, 1408)
# The reference draws an absolute scale from (0.8, 1.0) where evaluation takes 0.88.
zoom_range = (0.8 / 0.88, 1.0 / 0.88)

model = dict(
    type=PETR,
    normalizer=dict(
        type=ImageNormalizer, mean=(103.53, 116.28, 123.675), std=(1.0, 1.0, 1.0), bgr=True
    ),
    backbone=dict(
        type=ResNet,
        depth=50,
        stages=(3, 4),
        style="caffe",
        frozen_norm=True,
        with_checkpoint=True,
        init=None,
    ),
    neck=dict(type=CPFPN, in_channels=(1024, 2048), out_channels=256),
    input_proj=dict(type=PointwiseConv, in_channels=256, out_channels=256),
    position=dict(type=FrustumPositionEncoding, embed_dim=256, position_range=position_range),
    queries=dict(type=LearnedQueries, num_queries=900, embed_dim=256),
    decoder=dict(type=TransformerDecoder, with_checkpoint=True),
    head=dict(
        type=BoxHead,
        embed_dim=256,
        num_classes=10,
        num_layers=6,
        centre=dict(type=SigmoidCentre, span=span),
        code="petr",
        share_branches=True,
    ),
    span=span,
)
postprocess = dict(type=TopKPostprocess, max_detections=300, centre_range=position_range)
criterion = dict(
    type=SetCriterion, matcher=dict(type=HungarianMatcher), mask_unknown_velocity=False
)

train_data = dict(
    type=NuScenesDataset,
    dataroot="data/nuscenes",
    version="v1.0-trainval",
    split="train",
    transforms=[
        dict(
            type=ResizeCropFlip,
            size=input_size,
            zoom_range=zoom_range,
            random_shift=True,
            flip_prob=0.5,
        ),
        dict(type=GlobalRotScaleTransFlip),
        dict(type=ObjectRange, pc_range=span),
        dict(type=GridMask, fill_rgb=(123.675, 116.28, 103.53)),
    ],
    batch_size=1,
    num_workers=4,
)
test_data = dict(
    type=NuScenesDataset,
    dataroot="data/nuscenes",
    version="v1.0-trainval",
    split="val",
    transforms=[dict(type=ResizeCropFlip, size=input_size)],
    batch_size=1,
    num_workers=4,
)
optimizer = dict(type=AdamW, lr=2e-4, weight_decay=0.01, module_lr=dict(backbone=0.1))
schedule = dict(epochs=24, warmup_iterations=500, warmup_ratio=1 / 3, min_ratio=1e-3)
reference_batch_size = 8
clip_norm = 35
amp = "fp16"
checkpoint = dict(interval=3516, keep=2)
