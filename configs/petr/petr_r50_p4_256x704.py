"""PETR-R50 at 256x704, the size of StreamPETR's ablations: the p4 config with smaller images.

Not trained here. The reference draws an absolute scale from (0.38, 0.55); evaluation takes 0.44.
"""

from mmengine.config import read_base

with read_base():
    from .petr_r50_p4_512x1408 import *  # noqa: F403

train_data["transforms"][0].update(size=(256, 704), zoom_range=(0.38 / 0.44, 0.55 / 0.44))  # noqa: F405
test_data["transforms"][0].update(size=(256, 704))  # noqa: F405
