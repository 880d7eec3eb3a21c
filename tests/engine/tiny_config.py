"""Trains the tiny detector; with dropout, workers, an average and augmentation."""

from torch.optim import AdamW

from tests.engine.tiny import (
    TinyBackbone,
    TinyCriterion,
    TinyDataset,
    TinyDenoising,
    TinyDetector,
    TinyPostprocess,
)

model = dict(type=TinyDetector, backbone=dict(type=TinyBackbone))
postprocess = dict(type=TinyPostprocess)
criterion = dict(type=TinyCriterion)
denoising = dict(type=TinyDenoising)
classes = ("car", "pedestrian")
train_data = dict(
    type=TinyDataset, dataroot="nowhere", version="v", split="train", batch_size=2, num_workers=2
)
test_data = dict(type=TinyDataset, dataroot="nowhere", version="v", split="val", num_workers=0)
optimizer = dict(type=AdamW, lr=1e-2, module_lr=dict(backbone=0.1))
schedule = dict(iterations=20, warmup_iterations=3)
ema = dict(decay=0.9)
log_interval = 3
checkpoint = dict(interval=4, keep=2)
