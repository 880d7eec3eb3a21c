"""The demo's recipe in a world whose boxes reach 40 m.

Most objects there are a few pixels wide.

    drivetr synth data/synth40 --size 96x256 --reach 40 --density 2.4 --scenes 760 \
        --val-scenes 40 --frames-per-scene 2
    drivetr train configs/petr/petr_point_synth_40m.py --dataroot data/synth40 \
        --version v1.0-synth
"""

from mmengine.config import read_base

with read_base():
    from .petr_point_synth import *

span = (-42.0, -42.0, -4.0, 42.0, 42.0, 3.0)

model["position"].update(span=span)
model["queries"].update(grid_size=18)
model["head"]["centre"].update(span=span)
model.update(span=span)
train_data["transforms"][1].update(pc_range=span)
