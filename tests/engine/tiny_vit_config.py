"""The tiny detector on a small vision transformer, whose blocks can be sharded.

In float64: the bias of attention's keys has a gradient of zero, since a softmax does not see what
is added to all of its inputs. In float32 rounding leaves enough of it for Adam to make steps of.
"""

from mmengine.config import read_base

from tests.engine.tiny import TinyDetector, TinyTransformer

with read_base():
    from .tiny_ranks_config import *  # noqa: F403

model = dict(type=TinyDetector, backbone=dict(type=TinyTransformer), dropout=0.0, double=True)
clip_norm = 0.5
