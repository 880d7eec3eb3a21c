"""The point-aware PETR of the synthetic world, trained to bear bad images.

Cameras go dark without notice, and half of the frames are blurred, too bright or short of colours,
at the levels that `drivetr robustness` tests. Fog, snow, low light and dirt stay unseen: a test
with them tells what was learned beyond what was shown. See docs/robustness.md.

    drivetr train configs/petr/petr_point_synth_robust.py --dataroot data/synth \
        --version v1.0-synth --cfg-options model.init=work_dirs/petr_point_synth/last.pth
"""

from mmengine.config import read_base

from drivetr.data.corruptions.images import RandomCorruption
from drivetr.data.transforms.camera_drop import CameraDrop

with read_base():
    from .petr_point_synth import *

seen = dict(motion_blur=(2, 4, 5), color_quant=(1, 2, 3), brightness=(2, 4, 5))

train_data["transforms"] = [
    dict(type=RandomCorruption, levels=seen, prob=0.5),
    dict(type=CameraDrop, prob=0.5, max_cameras=5, told=False),
    *train_data["transforms"],
]
