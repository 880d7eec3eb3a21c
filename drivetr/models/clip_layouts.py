"""The layouts that CLIP's weights are published in."""

from torch import Tensor

from drivetr.models.layouts import Layout

_VISION = r"vision.encoder.layers.encoder_layer_\1."
_TEXT = r"text.blocks.\1."


def _openai_shapes(name: str, tensor: Tensor) -> Tensor:
    """OpenAI multiplies by its projections from the right and keeps bare embeddings flat."""
    if name in ("visual.proj", "text_projection"):
        return tensor.T
    if name == "visual.class_embedding":
        return tensor[None, None]
    return tensor[None] if name == "visual.positional_embedding" else tensor


def _blocks(pattern: str, ours: str) -> tuple[tuple[str, str], ...]:
    return (
        (pattern + r"ln_1\.", ours + "ln_1."),
        (pattern + r"ln_2\.", ours + "ln_2."),
        (pattern + r"attn\.", ours + "self_attention."),
        (pattern + r"mlp\.c_fc\.", ours + "mlp.0."),
        (pattern + r"mlp\.c_proj\.", ours + "mlp.3."),
    )


OPENAI = Layout(
    name="OpenAI or open_clip",
    sign=r"visual\.transformer\.resblocks\.",
    rules=(
        (r"visual\.class_embedding$", "vision.class_token"),
        (r"visual\.positional_embedding$", "vision.encoder.pos_embedding"),
        (r"visual\.conv1\.", "vision.conv_proj."),
        (r"visual\.ln_pre\.", "vision.pre_norm."),
        (r"visual\.ln_post\.", "vision.encoder.ln."),
        (r"visual\.proj$", "visual_projection.weight"),
        *_blocks(r"visual\.transformer\.resblocks\.(\d+)\.", _VISION),
        *_blocks(r"transformer\.resblocks\.(\d+)\.", _TEXT),
        (r"token_embedding\.", "text.token_embedding."),
        (r"positional_embedding$", "text.positional_embedding"),
        (r"ln_final\.", "text.ln_final."),
        (r"text_projection$", "text_projection.weight"),
    ),
    drop=dict.fromkeys(("input_resolution", "context_length", "vocab_size"), "a size")
    | {"attn_mask": "the causal mask, made anew"},
    reshape=_openai_shapes,
)


def _hf_shapes(name: str, tensor: Tensor) -> Tensor:
    if name == "vision_model.embeddings.class_embedding":
        return tensor[None, None]
    return tensor[None] if name == "vision_model.embeddings.position_embedding.weight" else tensor


def _hf_blocks(pattern: str, ours: str) -> tuple[tuple[str, str], ...]:
    return (
        (pattern + r"layer_norm1\.", ours + "ln_1."),
        (pattern + r"layer_norm2\.", ours + "ln_2."),
        (pattern + r"self_attn\.([qkv])_proj\.", ours + r"self_attention.in_proj_\2."),
        (pattern + r"self_attn\.out_proj\.", ours + "self_attention.out_proj."),
        (pattern + r"mlp\.fc1\.", ours + "mlp.0."),
        (pattern + r"mlp\.fc2\.", ours + "mlp.3."),
    )


HUGGING_FACE = Layout(
    name="Hugging Face",
    sign=r"vision_model\.embeddings\.",
    rules=(
        (r"vision_model\.embeddings\.class_embedding$", "vision.class_token"),
        (
            r"vision_model\.embeddings\.position_embedding\.weight$",
            "vision.encoder.pos_embedding",
        ),
        (r"vision_model\.embeddings\.patch_embedding\.", "vision.conv_proj."),
        (r"vision_model\.pre_layrnorm\.", "vision.pre_norm."),
        (r"vision_model\.post_layernorm\.", "vision.encoder.ln."),
        (r"visual_projection\.", "visual_projection."),
        *_hf_blocks(r"vision_model\.encoder\.layers\.(\d+)\.", _VISION),
        *_hf_blocks(r"text_model\.encoder\.layers\.(\d+)\.", _TEXT),
        (r"text_model\.embeddings\.token_embedding\.", "text.token_embedding."),
        (r"text_model\.embeddings\.position_embedding\.weight$", "text.positional_embedding"),
        (r"text_model\.final_layer_norm\.", "text.ln_final."),
    ),
    drop=dict.fromkeys(
        ("text_model.embeddings.position_ids", "vision_model.embeddings.position_ids"),
        "running numbers",
    ),
    reshape=_hf_shapes,
)

RESNET_FORM = Layout(
    name="CLIP with a ResNet",
    sign=r"visual\.(?:layer1|attnpool)\.",
    rules=(),
    refusal="is CLIP with a ResNet as image tower, which drivetr does not have; take one with a"
    " ViT, such as ViT-B/32",
)

CLIP_LAYOUTS = (OPENAI, HUGGING_FACE, RESNET_FORM)
