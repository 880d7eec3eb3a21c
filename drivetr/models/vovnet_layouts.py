"""Published names of a VoVNet: those of youngwanLEE/vovnet-detectron2, which the PETR family kept.

They count stages and blocks twice, and have slashes: `stage3.OSA3_2.layers.0.OSA3_2_0/conv.weight`.
"""

from drivetr.models.layouts import Layout, behind

_BLOCK = r"stage(\d)\.OSA\d_(\d+)\."

VOVNET_RULES = (
    (r"stem\.stem_(\d)/", r"stem.conv\1."),
    (_BLOCK + r"layers\.(\d+)\.OSA\d_\d+_\d+/", r"stage\1.block\2.layers.\3."),
    (_BLOCK + r"concat\.OSA\d_\d+_concat/", r"stage\1.block\2.concat."),
    (_BLOCK + r"ese\.", r"stage\1.block\2.ese."),
)
"""For names without the `img_backbone.` of a detector."""

VOVNET = Layout(
    name="the PETR family's VoVNet",
    sign=r"img_backbone\.stem\.stem_1/",
    rules=behind(VOVNET_RULES, r"img_backbone\.", "backbone."),
)
"""A backbone in a file of its own, such as those that training starts from, or in a detector's."""
