"""The tiny detector without anything that depends on which process a frame is in."""

from mmengine.config import read_base

from tests.engine.tiny import TinyBackbone, TinyDetector

with read_base():
    from .tiny_config import *  # noqa: F403

model = dict(type=TinyDetector, backbone=dict(type=TinyBackbone, norm=False), dropout=0.0)
denoising = None
train_data.update(num_workers=0)  # noqa: F405
