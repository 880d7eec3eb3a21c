"""PETR with a point-aware encoding, on the synthetic world, for two CPU cores.

What differs from the published detector, and why: a depth head gives every image token one 3D
point, and attention compares it with the queries' reference points through a Gaussian kernel, which
has a meaning at the first step where the published encoding has to be learned (drivetr.nn.kernel).
The queries start on a grid on the ground and every layer refines where they are.

    drivetr synth data/synth --size 96x256 --reach 14 --density 2.4 --scenes 760 --val-scenes 40 \
        --frames-per-scene 2
    drivetr train configs/petr/petr_point_synth.py --dataroot data/synth --version v1.0-synth
"""

from torch.optim import AdamW

from drivetr.data.nuscenes.dataset import NuScenesDataset
from drivetr.data.transforms.object_range import ObjectRange
from drivetr.data.transforms.resize_crop_flip import ResizeCropFlip
from drivetr.models.box_head import AttendedCentre, BoxHead
from drivetr.models.criterion import SetCriterion
from drivetr.models.depth_head import DepthHead
from drivetr.models.matcher import HungarianMatcher
from drivetr.models.petr import PETR
from drivetr.models.postprocess import TopKPostprocess
from drivetr.models.token_criterion import TokenCriterion
from drivetr.models.token_embedding import TokenEmbedding
from drivetr.nn.backbones.tiny_resnet import TinyResNet
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.necks.cpfpn import CPFPN
from drivetr.nn.normalize import ImageNormalizer
from drivetr.nn.point_position import PointPosition
from drivetr.nn.queries import GridQueries
from drivetr.nn.ray_channels import GroundRays

span = (-16.0, -16.0, -4.0, 16.0, 16.0, 3.0)  # a world that reaches 14 m, and a margin
embed_dim = 112  # 28 a head, and 4 of the kernel make 32, which attention likes
num_heads = 4
num_layers = 3
stride = 8
input_size = (96, 256)

model = dict(
    type=PETR,
    normalizer=dict(type=ImageNormalizer),
    rays=dict(type=GroundRays),
    backbone=dict(type=TinyResNet, in_channels=5),
    neck=dict(type=CPFPN, in_channels=(64, 128), out_channels=embed_dim),
    depth_head=dict(type=DepthHead, in_channels=embed_dim, num_classes=10, stride=stride),
    token_embedding=dict(type=TokenEmbedding, num_classes=10, embed_dim=embed_dim),
    position=dict(type=PointPosition, span=span),
    queries=dict(type=GridQueries, grid_size=12, height=0.4, embed_dim=embed_dim),
    decoder=dict(
        type=TransformerDecoder,
        embed_dim=embed_dim,
        num_heads=num_heads,
        ffn_dim=2 * embed_dim,
        num_layers=num_layers,
        dropout=0.0,
        cross_widths=(1.0, 2.0, 4.0, 8.0),
        self_widths=(2.0, 4.0, 8.0, 40.0),
    ),
    head=dict(
        type=BoxHead,
        embed_dim=embed_dim,
        num_classes=10,
        num_layers=num_layers,
        centre=dict(type=AttendedCentre, span=span, embed_dim=embed_dim, num_heads=num_heads),
    ),
    span=span,
    refine=True,
)
postprocess = dict(type=TopKPostprocess, max_detections=200)
criterion = dict(
    type=SetCriterion,
    matcher=dict(type=HungarianMatcher, anchor_weight=0.1),
    code_weights=(1.5, 1.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.2, 0.2),
    tokens=dict(type=TokenCriterion, stride=stride, depth_weight=3.0),
)

train_data = dict(
    type=NuScenesDataset,
    dataroot="data/synth",
    version="v1.0-synth",
    split="synth_train",
    transforms=[
        dict(type=ResizeCropFlip, size=input_size, flip_prob=0.5),
        dict(type=ObjectRange, pc_range=span),
    ],
    batch_size=2,
    num_workers=1,
)
test_data = dict(
    type=NuScenesDataset,
    dataroot="data/synth",
    version="v1.0-synth",
    split="synth_val",
    transforms=[dict(type=ResizeCropFlip, size=input_size)],
    batch_size=4,
    num_workers=2,
)
optimizer = dict(type=AdamW, lr=8e-4, weight_decay=0.01, betas=(0.9, 0.98), fused=True)
schedule = dict(iterations=2800, warmup_iterations=100, warmup_ratio=0.05, min_ratio=0.01)
reference_batch_size = 2
clip_norm = 10
log_interval = 50
checkpoint = dict(interval=500, keep=2)
