"""PETRv2 with a point-aware encoding, on the synthetic world, for two CPU cores.

The detector of configs/petr/petr_point_synth.py with the keyframe before, half a second ago, beside
that of now. Every layer looks at the two moments apart (drivetr.nn.two_moments): where a head looks
now and where it looked then, over the time between, is a first guess of the velocity. Points of old
images are in the frame of now, because their cameras are, so the car's own motion is not in it.

    drivetr synth data/synth_time --size 96x256 --reach 14 --density 2.4 --scenes 132 \
        --val-scenes 16 --frames-per-scene 16
    drivetr train configs/petrv2/petrv2_point_synth.py --dataroot data/synth_time \
        --version v1.0-synth
"""

from mmengine.config import read_base

from drivetr.data.nuscenes.past import PastImages
from drivetr.models.velocity import AttendedVelocity
from drivetr.nn.two_moments import TwoMomentAttention

with read_base():
    from ..petr.petr_point_synth import *

look = dict(
    type=TwoMomentAttention,
    embed_dim=embed_dim,
    num_heads=num_heads,
    widths=(1.0, 2.0, 4.0, 8.0),
)
model["decoder"].update(cross_widths=None, cross_attention=[look] * num_layers)
# Where things stood still the old images show them once more, from elsewhere.
model["head"]["centre"].update(num_heads=2 * num_heads)
model["head"].update(velocity=dict(type=AttendedVelocity, embed_dim=embed_dim, num_heads=num_heads))
criterion.update(code_weights=(1.5, 1.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0))
train_data.update(past=dict(type=PastImages, first=0, end=1))
test_data.update(past=dict(type=PastImages, first=0, end=1))
