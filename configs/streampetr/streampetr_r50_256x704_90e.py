"""StreamPETR-R50 at 256x704, 644 + 256 queries, 90 epochs (arXiv:2303.11926), as published.

The config of the published checkpoint (stream_petr_r50_flash_704_bs2_seq_90e.py), which `drivetr
convert` brings here (docs/model_zoo.md): mAP 43.2, NDS 53.7 on val according to its authors. Not
trained here. It repeats two slips of the published code, with which the weights were trained; leave
`focal_order` and `single_precision` out of a new training.
"""

from mmengine.config import read_base

from drivetr.models.denoising import QueryDenoising
from drivetr.models.focal_criterion import FocalCriterion, FocalMatcher
from drivetr.models.focal_head import FocalHead
from drivetr.models.streampetr import StreamPETR
from drivetr.nn.feature_gate import FeatureGate
from drivetr.nn.query_memory import QueryMemory
from drivetr.nn.spatial_alignment import SpatialAlignment

with read_base():
    from ..petr.petr_r50_p4_256x704 import *

detector = model
detector.pop("input_proj")
detector["normalizer"] = dict(
    type=detector["normalizer"]["type"], mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375)
)
detector["backbone"].update(style="pytorch")
detector["position"].update(cell_offset=0.5, sine=False, gate=dict(type=FeatureGate, embed_dim=256))
detector["queries"].update(num_queries=644)
detector["head"].update(code="streampetr")
model = dict(
    type=StreamPETR,
    detector=detector,
    memory=dict(
        type=QueryMemory,
        span=span,
        length=1024,
        num_propagated=256,
        num_pushed=256,
        single_precision=True,
    ),
    alignment=dict(type=SpatialAlignment, position_range=position_range, focal_order="published"),
    focal=dict(type=FocalHead),
)
denoising = dict(type=QueryDenoising, num_classes=10, span=span)
code_weights = (2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
criterion["matcher"].update(code_weights=code_weights)
criterion.update(
    code_weights=code_weights,
    focal=dict(type=FocalCriterion, matcher=dict(type=FocalMatcher)),
)
train_data.update(batch_size=2, streaming=True)
optimizer.update(lr=4e-4)
optimizer["module_lr"] = {"detector.backbone": 0.25}
schedule.update(epochs=90)
reference_batch_size = 16
