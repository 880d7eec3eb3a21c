"""The point-aware StreamPETR of the synthetic world, trained to bear bad images.

Every frame of a sequence is corrupted for itself.

    drivetr train configs/streampetr/streampetr_point_synth_robust.py --dataroot data/synth_time \
        --version v1.0-synth --cfg-options model.init=work_dirs/streampetr_point_synth/last.pth
"""

from mmengine.config import read_base

with read_base():
    from .._base_.bad_images import *
    from .streampetr_point_synth import *

train_data["transforms"] = [*bad_images, *train_data["transforms"]]
