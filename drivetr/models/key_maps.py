"""Names of published checkpoints, translated to drivetr's.

Checkpoints of the PETR family come from mmdetection3d: the trunk is `img_backbone`, the neck
`img_neck`, everything else `pts_bbox_head`.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class RegexKeyMap:
    """Translates names by the first rule that fits their beginning.

    Attributes:
        rules: pattern at the beginning of a published name, and what stands there in drivetr.
        ignored: beginnings of names that are known and not wanted.
    """

    rules: tuple[tuple[str, str], ...]
    ignored: tuple[str, ...] = ()

    def __call__(self, key: str) -> str | None:
        """Own name of a published one: None if not wanted, unchanged if no rule fits."""
        if key.startswith(self.ignored):
            return None
        for pattern, replacement in self.rules:
            name, count = re.subn(f"^{pattern}", replacement, key)
            if count:
                return name
        return key


_DECODER = r"pts_bbox_head\.transformer\.decoder\."
_LAYER = _DECODER + r"layers\.(\d+)\."

PETR_KEYS = RegexKeyMap(
    rules=(
        (r"img_backbone\.", "backbone."),
        (r"img_neck\.", "neck."),
        (r"pts_bbox_head\.input_proj\.", "input_proj."),
        (r"pts_bbox_head\.(position_encoder|adapt_pos3d|query_embedding)\.", r"position.\1."),
        (r"pts_bbox_head\.reference_points\.", "queries.reference_points."),
        (_LAYER + r"attentions\.0\.attn\.", r"decoder.layers.\1.self_attention."),
        (_LAYER + r"attentions\.1\.attn\.", r"decoder.layers.\1.cross_attention."),
        (_LAYER + r"ffns\.0\.layers\.0\.0\.", r"decoder.layers.\1.ffn.0."),
        (_LAYER + r"ffns\.0\.layers\.1\.", r"decoder.layers.\1.ffn.3."),
        (_LAYER + r"norms\.", r"decoder.layers.\1.norms."),
        (_DECODER + r"post_norm\.", "decoder.post_norm."),
        (r"pts_bbox_head\.cls_branches\.", "head.classify."),
        (r"pts_bbox_head\.reg_branches\.", "head.regress."),
    ),
    # The loss's code weights are a parameter there; here they belong to the criterion.
    ignored=("pts_bbox_head.code_weights",),
)
"""PETR (megvii-research/PETR): head, neck and ResNet trunk."""
