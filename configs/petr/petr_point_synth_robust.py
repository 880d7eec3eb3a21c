"""The point-aware PETR of the synthetic world, trained to bear bad images.

`configs/_base_/bad_images.py` has what it is shown.

    drivetr train configs/petr/petr_point_synth_robust.py --dataroot data/synth \
        --version v1.0-synth --cfg-options model.init=work_dirs/petr_point_synth/last.pth
"""

from mmengine.config import read_base

with read_base():
    from .._base_.bad_images import *
    from .petr_point_synth import *

train_data["transforms"] = [*bad_images, *train_data["transforms"]]
