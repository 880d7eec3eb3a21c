"""The point-aware StreamPETR of the synthetic world, trained to bear bad images.

As `configs/petr/petr_point_synth_robust.py` does with PETR; every frame of a sequence is corrupted
for itself.

    drivetr train configs/streampetr/streampetr_point_synth_robust.py --dataroot data/synth_time \
        --version v1.0-synth --cfg-options model.init=work_dirs/streampetr_point_synth/last.pth
"""

from mmengine.config import read_base

from drivetr.data.corruptions.images import RandomCorruption
from drivetr.data.transforms.camera_drop import CameraDrop

with read_base():
    from .streampetr_point_synth import *

seen = dict(motion_blur=(2, 4, 5), color_quant=(1, 2, 3), brightness=(2, 4, 5))

train_data["transforms"] = [
    dict(type=RandomCorruption, levels=seen, prob=0.5),
    dict(type=CameraDrop, prob=0.5, max_cameras=5, told=False),
    *train_data["transforms"],
]
