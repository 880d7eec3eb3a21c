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

span = (-54.0, -54.0, -6.0, 54.0, 54.0, 6.0)
input_size = (160, 448)

model["position"].update(span=span)  # noqa: F405
model["queries"].update(grid_size=18, height=0.42)  # noqa: F405
model["head"]["centre"].update(span=span)  # noqa: F405
model.update(span=span)  # noqa: F405

train_data.update(  # noqa: F405
    dataroot="data/nuscenes",
    version="v1.0-mini",
    split="mini_train+mini_val",
    batch_size=3,
)
train_data["transforms"][0].update(size=input_size, flip_prob=0.0)  # noqa: F405
train_data["transforms"][1].update(pc_range=span)  # noqa: F405
test_data.update(dataroot="data/nuscenes", version="v1.0-mini", split="mini_val")  # noqa: F405
test_data["transforms"][0].update(size=input_size)  # noqa: F405
schedule.update(iterations=500, warmup_iterations=25)  # noqa: F405
reference_batch_size = 3
