"""Published names of StreamPETR's EVA-02 and of the pyramid inside it (its `adapter`).

From the module tree of exiawsh/StreamPETR, models/backbones/eva_vit.py at 4dab198: no published
file and no recording was at hand, the names are not verified.
"""

from torch import Tensor

from drivetr.models.layouts import Layout, behind

_BLOCK = r"blocks\.(\d+)\."
_PARTS = {
    r"attn\.([qv])_bias": r"attention.\2_proj.bias",
    r"attn\.([qkv]_proj)\.": r"attention.\2.",
    r"attn\.proj\.": r"attention.out_proj.",
    r"mlp\.w1\.": r"mlp.gate.",
    r"mlp\.w2\.": r"mlp.value.",
    r"mlp\.ffn_ln\.": r"mlp.norm.",
    r"mlp\.w3\.": r"mlp.out.",
}

EVA02_RULES = (
    (r"patch_embed\.proj\.", "patches."),
    (r"pos_embed$", "positions"),
    *((_BLOCK + theirs, r"blocks.\1." + ours) for theirs, ours in _PARTS.items()),
)
"""For names without the `img_backbone.` of a detector."""


def _level_rules(level: int) -> tuple[tuple[str, str], ...]:
    """Level 0 is doubled twice, with a norm and a GELU between; level 2 stays as it is."""
    start, place = rf"adapter\.simfp_{level + 2}\.", f"levels.{level}."
    first = (4, 1, 0, 1)[level]  # of its two convolutions, each with a norm
    return (
        (start + rf"{first}\.norm\.", place + "2."),
        (start + rf"{first}\.", place + "1."),
        (start + rf"{first + 1}\.norm\.", place + "4."),
        (start + rf"{first + 1}\.", place + "3."),
        (start, place + ("0." if level == 0 else "")),
    )


PYRAMID_RULES = tuple(rule for level in range(4) for rule in _level_rules(level))
"""For names without `img_backbone.`, to those of a `SimplePyramid` of the scales 4, 2, 1, 0.5."""

EVA02_DROP = {
    r"img_backbone\.(rope_win|rope_glb|blocks\.\d+\.attn\.rope)\.": "rotations, which are computed"
    " here"
}


def without_class_row(key: str, tensor: Tensor) -> Tensor:
    """Published positions without the class token's, which the published network never reads."""
    return tensor[:, 1:] if key == "img_backbone.pos_embed" else tensor


EVA02 = Layout(
    name="StreamPETR's EVA-02",
    sign=r"img_backbone\.blocks\.0\.mlp\.ffn_ln\.",
    rules=(
        *behind(EVA02_RULES, r"img_backbone\.", "backbone."),
        *behind(PYRAMID_RULES, r"img_backbone\.", "neck."),
        (r"img_backbone\.", "backbone."),
    ),
    drop=EVA02_DROP,
    reshape=without_class_row,
)
"""A backbone in a file of its own, or in a detector's."""
