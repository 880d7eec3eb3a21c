"""The tiny detector on a small vision transformer, whose blocks can be sharded."""

from mmengine.config import read_base

from tests.engine.tiny import TinyDetector, TinyTransformer

with read_base():
    from .tiny_ranks_config import *  # noqa: F403

model = dict(type=TinyDetector, backbone=dict(type=TinyTransformer), dropout=0.0)
clip_norm = 0.5
