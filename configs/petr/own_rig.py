"""A starting point for your own cameras: copy it within configs/ and set the numbers at its top.

The point-aware detector for a rig without a lidar, whose reference frame is ego. Not trained on any
data; the demo's recipe is for two CPU cores and a small world, so raise sizes and steps with yours.

    drivetr verify data/mine --version v1.0-mine
    drivetr train configs/petr/own_rig.py
"""

from mmengine.config import read_base

with read_base():
    from .petr_point_synth import *

dataroot = "data/mine"
version = "v1.0-mine"
span = (-51.2, -51.2, -3.0, 51.2, 51.2, 5.0)  # metres; objects outside are not learned
ground_height = 0.0  # z of the ground: 0 in ego, minus the height of a LIDAR_TOP in its frame
input_size = (192, 512)  # rows and columns that every image is brought to

model["rays"].update(ground_height=ground_height)
model["position"].update(span=span)
# Queries start 0.6 m above the ground; a share of the span, as reference points are.
model["queries"].update(grid_size=18, height=(ground_height + 0.6 - span[2]) / (span[5] - span[2]))
model["head"]["centre"].update(span=span)
model.update(span=span)
train_data.update(dataroot=dataroot, version=version, split="mine_train")
train_data["transforms"][0].update(size=input_size)
train_data["transforms"][1].update(pc_range=span)
test_data.update(dataroot=dataroot, version=version, split="mine_val")
test_data["transforms"][0].update(size=input_size)
