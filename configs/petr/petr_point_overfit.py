"""The point-aware detector, made to remember the three real keyframes of a cut v1.0-mini.

A check of the whole path on real images, not a result: it is tested on what it is trained on. The
splits `mini_train` and `mini_val` of that cut hold one and two keyframes.

    drivetr train configs/petr/petr_point_overfit.py --dataroot NUSCENES_REAL --version v1.0-mini
    drivetr test work_dirs/petr_point_overfit/last.pth --dataroot NUSCENES_REAL \
        --version v1.0-mini --split mini_val
"""

from mmengine.config import read_base

from drivetr.data.transforms.bev import GlobalRotScaleTransFlip

with read_base():
    from .petr_point_synth import *

span = (-54.0, -54.0, -6.0, 54.0, 54.0, 6.0)
input_size = (160, 448)

# By its ground rays a network could tell three frames without a look at the pictures.
model["rays"] = None
# Six images are too few for the statistics that batch norm keeps for evaluation.
model["backbone"].update(in_channels=3, group_norm=True)
model["position"].update(span=span)
model["queries"].update(grid_size=18, height=0.42)
model["head"]["centre"].update(span=span)
model.update(span=span)

train_data.update(
    dataroot="data/nuscenes",
    version="v1.0-mini",
    split="mini_train+mini_val",
    batch_size=1,
)
train_data["transforms"][0].update(size=input_size, flip_prob=0.0)
train_data["transforms"][1].update(pc_range=span)
# Turned at random, places cannot be remembered without the pictures.
train_data["transforms"].insert(1, dict(type=GlobalRotScaleTransFlip, scale_range=(1.0, 1.0)))
test_data.update(dataroot="data/nuscenes", version="v1.0-mini", split="mini_val")
test_data["transforms"][0].update(size=input_size)
schedule.update(iterations=1000, warmup_iterations=50)
reference_batch_size = 1
