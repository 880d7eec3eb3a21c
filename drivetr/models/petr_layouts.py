"""The layouts that weights of the PETR family are published in.

The checkpoints come from mmdetection3d: the trunk is `img_backbone`, the neck `img_neck`, the head
`pts_bbox_head`. The parts that these detectors have in common have the same names in all of them;
StreamPETR's are one level deeper in drivetr, because it is built around a detector.
"""

import re
from collections.abc import Sequence

from torch import Tensor

from drivetr.models.eva02_layouts import (
    EVA02_DROP,
    EVA02_RULES,
    PYRAMID_RULES,
    without_class_row,
)
from drivetr.models.layouts import Layout, behind
from drivetr.models.vovnet_layouts import VOVNET_RULES

Rules = tuple[tuple[str, str], ...]

HEAD = "pts_bbox_head."
_HEAD = re.escape(HEAD)
_DECODER = _HEAD + r"transformer\.decoder\."
_BRANCH = _HEAD + r"reg_branches\.(\d+)\."
_LAYER = _DECODER + r"layers\.(\d+)\."

# What the published heads keep among their weights and drivetr in its configs.
SETTINGS = ("code_weights", "match_costs", "pc_range", "position_range", "coords_d")
_DROP = {f"{_HEAD}{name}": "a setting, which is in the config here" for name in SETTINGS}


def _shared(to: str = "") -> Rules:
    """Rules for what all these detectors have, to names behind `to`."""
    layer = to + r"decoder.layers.\1."
    return (
        *behind(VOVNET_RULES, r"img_backbone\.", to + "backbone."),
        (r"img_backbone\.", to + "backbone."),  # ResNet and ViT have these names here too
        (r"img_neck\.", to + "neck."),
        (_HEAD + r"input_proj\.", to + "input_proj."),
        (_HEAD + r"(position_encoder|adapt_pos3d|query_embedding)\.(\d)", to + r"position.\1.\2"),
        (_HEAD + r"(?:fpe|featurized_pe)\.conv_(reduce|expand)\.", to + r"position.gate.\1."),
        (_HEAD + r"reference_points\.", to + "queries.reference_points."),
        (_LAYER + r"attentions\.0\.attn\.", layer + "self_attention."),
        (_LAYER + r"attentions\.1\.attn\.", layer + "cross_attention."),
        (_LAYER + r"attentions\.1\.", layer + "cross_attention."),  # those that sample have no attn
        (_LAYER + r"ffns\.0\.layers\.0\.0\.", layer + "ffn.0."),
        (_LAYER + r"ffns\.0\.layers\.1\.", layer + "ffn.3."),
        (_LAYER + r"norms\.", layer + "norms."),
        (_DECODER + r"post_norm\.", to + "decoder.post_norm."),
        (_HEAD + r"cls_branches\.", to + "head.classify."),
        # PETRv2's branches have a dropout behind every ReLU of the trunk, never used.
        (_BRANCH + r"reg_branch\.0\.", to + r"head.regress.\1.trunk.0."),
        (_BRANCH + r"reg_branch\.3\.", to + r"head.regress.\1.trunk.2."),
        (_BRANCH + r"task_heads\.", to + r"head.regress.\1.groups."),
        (_HEAD + r"reg_branches\.", to + "head.regress."),
    )


def _motion_norm(theirs: str, ours: str) -> Rules:
    """Rules for one motion-aware layer norm, whose first layer is a list of one and a ReLU."""
    start = _HEAD + theirs + r"\."
    return ((start + r"reduce\.0\.", ours + ".reduce."), (start, ours + "."))


_CONVOLUTIONS = tuple(HEAD + name for name in ("position_encoder.", "featurized_pe."))


def _as_convolutions(key: str, tensor: Tensor) -> Tensor:
    """A matrix that StreamPETR applies to tokens as the 1x1 kernel of the same map of cells."""
    matrix = key.startswith(_CONVOLUTIONS) and key.endswith(".weight")
    return tensor[:, :, None, None] if matrix else tensor


def _reshaped(key: str, tensor: Tensor) -> Tensor:
    return without_class_row(key, _as_convolutions(key, tensor))


PETR_LAYOUT = Layout(
    name="megvii-research/PETR",
    sign=_HEAD + r"adapt_pos3d\.",
    rules=_shared(),
    drop=_DROP,
)
"""PETR and PETRv2."""

DETR3D_LAYOUT = Layout(
    name="WangYueFt/detr3d",
    sign=_LAYER + r"attentions\.1\.attention_weights\.",
    rules=(
        (_HEAD + r"query_embedding\.weight", "query_embedding.weight"),
        (_HEAD + r"transformer\.reference_points\.", "reference_points."),
        *_shared(),
    ),
    drop=_DROP,
)

STREAMPETR_LAYOUT = Layout(
    name="exiawsh/StreamPETR",
    sign=_HEAD + r"ego_pose_memory\.",
    rules=(
        (_HEAD + r"memory_embed\.", "alignment.embed."),
        *_motion_norm("spatial_alignment", "alignment.norm"),
        *_motion_norm("ego_pose_pe", "memory.pose_position"),
        *_motion_norm("ego_pose_memory", "memory.pose_content"),
        (_HEAD + r"pseudo_reference_points\.weight", "memory.pseudo_reference_points"),
        (_HEAD + r"time_embedding\.", "memory.time_embedding."),
        (r"img_roi_head\.", "focal."),
        *behind(EVA02_RULES, r"img_backbone\.", "detector.backbone."),
        *behind(PYRAMID_RULES, r"img_backbone\.", "detector.neck."),
        *_shared("detector."),
    ),
    drop=_DROP | EVA02_DROP,
    reshape=_reshaped,
)

PETR_LAYOUTS: Sequence[Layout] = (PETR_LAYOUT, DETR3D_LAYOUT, STREAMPETR_LAYOUT)
