"""Trains the tiny detector with a memory on lanes of consecutive frames."""

from mmengine.config import read_base

from tests.engine.tiny import TinyBackbone
from tests.engine.tiny_stream import TinyScenes, TinyStreamDetector

with read_base():
    from .tiny_config import *  # noqa: F403

model = dict(type=TinyStreamDetector, backbone=dict(type=TinyBackbone))
train_data = dict(
    type=TinyScenes,
    dataroot="nowhere",
    version="v",
    split="train",
    batch_size=2,
    num_workers=2,
    streaming=True,
    turns=2,
)
test_data = dict(type=TinyScenes, dataroot="nowhere", version="v", split="val", num_workers=0)
