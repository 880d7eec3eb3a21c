"""The control: the demo's detector without calibration in its attention.

A token is known by camera number, row and column, a query by its place; no kernel compares them,
so no head looks at points and the centre is PETR's. All else is as in the demo; depth head and
ground rays still see the calibration.
"""

from mmengine.config import read_base

from drivetr.models.box_head import SigmoidCentre
from drivetr.nn.grid_position import GridPosition

with read_base():
    from ..petr.petr_point_synth import *

model["position"] = dict(type=GridPosition, embed_dim=embed_dim)
model["decoder"].update(cross_widths=None, self_widths=None)
model["head"]["centre"] = dict(type=SigmoidCentre, span=span)
