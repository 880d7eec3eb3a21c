"""StreamPETR around the point-aware detector, on sequences of the synthetic world.

    drivetr synth data/synth_time --size 96x256 --reach 14 --density 2.4 --scenes 132 \
        --val-scenes 16 --frames-per-scene 16 --seed 1
    drivetr train configs/streampetr/streampetr_point_synth.py --dataroot data/synth_time \
        --version v1.0-synth --cfg-options model.detector.init=work_dirs/demo/train/last.pth

The start is the detector of single frames that `make demo` trains: a memory of objects is worth
something once they are found.

What differs from the published model, beside what `configs/petr/petr_point_synth.py` tells:
the head reads velocity from how far objects of the memory went. Remembered queries are keys of the
self-attention only: in a training as short as this, propagated ones find objects a second time and
cost more than they bring (`num_propagated=16` is the published way, and carries ids). There is no
alignment by lens: the point-aware tokens know their place.
"""

from mmengine.config import read_base

from drivetr.models.streampetr import StreamPETR
from drivetr.models.velocity import RecalledVelocity
from drivetr.nn.query_memory import QueryMemory

with read_base():
    from ..petr.petr_point_synth import *

model["head"]["velocity"] = dict(type=RecalledVelocity, embed_dim=embed_dim)
model = dict(
    type=StreamPETR,
    detector=model,
    memory=dict(
        type=QueryMemory,
        span=span,
        embed_dim=embed_dim,
        length=64,
        num_propagated=0,
        num_pushed=32,
        tell_positions=False,
    ),
    move_on=True,
)
train_data.update(streaming=True, turns=16)
# Judging what belongs together is learned from few moving objects.
optimizer.update(module_lr={"detector.head.velocity": 3.0})
