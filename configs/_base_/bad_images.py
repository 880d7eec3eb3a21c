"""What the training configs `*_robust.py` put before their transforms.

Cameras go dark without notice, and half of the frames are blurred, too bright or short of colours,
at the levels that `drivetr robustness` tests. Fog, snow, low light and dirt stay unseen: a test
with them tells what was learned beyond what was shown. See docs/robustness.md.
"""

from drivetr.data.corruptions.images import RandomCorruption
from drivetr.data.transforms.camera_drop import CameraDrop

bad_images = [
    dict(
        type=RandomCorruption,
        levels=dict(motion_blur=(2, 4, 5), color_quant=(1, 2, 3), brightness=(2, 4, 5)),
        prob=0.5,
    ),
    dict(type=CameraDrop, prob=0.5, max_cameras=5, told=False),
]
