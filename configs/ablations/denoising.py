"""The demo's detector with query denoising beside the matched queries."""

from mmengine.config import read_base

from drivetr.models.denoising import QueryDenoising

with read_base():
    from ..petr.petr_point_synth import *

denoising = dict(type=QueryDenoising, num_classes=10, span=span)
