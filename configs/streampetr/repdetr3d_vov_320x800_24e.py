"""RepDETR3D: StreamPETR that takes samples, with VoVNet-99 at 320x800 (repdetr3d_vov_800_bs2_...).

StreamPETR's sparse variant, from exiawsh/StreamPETR: thirteen learned points around every query are
looked up in four levels of all cameras, without a compiled operation. Names of weights follow the
published code but were not compared with a checkpoint. The published training has YOLOX's head on
the images beside it, which is not here; nor was anything trained here.
"""

from mmengine.config import read_base

from drivetr.models.pyramid_petr import PyramidPETR
from drivetr.nn.camera_alignment import CameraAlignment
from drivetr.nn.necks.fpn import FPN
from drivetr.nn.query_position import QueryPosition
from drivetr.nn.sampled_aggregation import SampledAggregation

with read_base():
    from .streampetr_vov_320x800_24e import *

num_layers = 6

detector = model["detector"]
detector["backbone"].update(stages=(2, 3, 4, 5))
detector["type"] = PyramidPETR
detector["neck"] = dict(
    type=FPN, in_channels=(256, 512, 768, 1024), out_channels=256, start_level=1, num_outs=4
)
detector["position"] = dict(type=QueryPosition, span=span)
# The published config asks for 2048, which its layer does not read: 1024 is what it is built with.
detector["decoder"].update(
    ffn_dim=1024,
    num_layers=num_layers,
    cross_attention=[dict(type=SampledAggregation)] * num_layers,
    post_norm=False,
)
model["alignment"] = dict(type=CameraAlignment)
model.pop("focal")
criterion.pop("focal")
optimizer["module_lr"] = {"detector.backbone": 0.25}
