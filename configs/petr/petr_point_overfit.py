"""The point-aware detector, made to remember the three real keyframes of a cut v1.0-mini.

A check of the whole path on real images, not a result: it is tested on what it is trained on. The
splits `mini_train` and `mini_val` of that cut hold one and two keyframes.

    drivetr train configs/petr/petr_point_overfit.py --dataroot NUSCENES_REAL --version v1.0-mini
    drivetr test work_dirs/petr_point_overfit/last.pth --dataroot NUSCENES_REAL \
        --version v1.0-mini --split mini_val
"""

from mmengine.config import read_base

with read_base():
    from .petr_point_synth import *  # noqa: F403

span = (-61.2, -61.2, -6.0, 61.2, 61.2, 6.0)
