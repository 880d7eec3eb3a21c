"""The layouts that ViT's weights are published in."""

from torch import Tensor

from drivetr.models.layouts import Layout

_LAYER = r"trunk.encoder.layers.encoder_layer_\1."

TORCHVISION = Layout(
    name="torchvision",
    sign=r"encoder\.layers\.encoder_layer_",
    rules=(
        (r"heads\.head\.", "head."),
        (r"(.*)mlp\.linear_1\.", r"trunk.\1mlp.0."),  # before torchvision 0.13
        (r"(.*)mlp\.linear_2\.", r"trunk.\1mlp.3."),
        (r"", "trunk."),
    ),
)

_TIMM = r"blocks\.(\d+)\."
TIMM_LAYOUT = Layout(
    name="timm",
    sign=r"blocks\.\d+\.attn\.qkv\.",
    rules=(
        (r"cls_token$", "trunk.class_token"),
        (r"pos_embed$", "trunk.encoder.pos_embedding"),
        (r"patch_embed\.proj\.", "trunk.conv_proj."),
        (_TIMM + r"norm1\.", _LAYER + "ln_1."),
        (_TIMM + r"norm2\.", _LAYER + "ln_2."),
        (_TIMM + r"attn\.qkv\.", _LAYER + "self_attention.in_proj_"),
        (_TIMM + r"attn\.proj\.", _LAYER + "self_attention.out_proj."),
        (_TIMM + r"mlp\.fc1\.", _LAYER + "mlp.0."),
        (_TIMM + r"mlp\.fc2\.", _LAYER + "mlp.3."),
        (r"norm\.", "trunk.encoder.ln."),
    ),
)

# transformers 4 and the files of both; names in the memory of version 5.
_HF = r"vit\.(?:encoder\.layer|layers)\.(\d+)\."
HUGGING_FACE = Layout(
    name="Hugging Face",
    sign=r"vit\.embeddings\.",
    rules=(
        (r"vit\.embeddings\.cls_token$", "trunk.class_token"),
        (r"vit\.embeddings\.position_embeddings$", "trunk.encoder.pos_embedding"),
        (r"vit\.embeddings\.patch_embeddings\.projection\.", "trunk.conv_proj."),
        (_HF + r"layernorm_before\.", _LAYER + "ln_1."),
        (_HF + r"layernorm_after\.", _LAYER + "ln_2."),
        (_HF + r"attention\.(?:attention\.query|q_proj)\.", _LAYER + "self_attention.in_proj_q."),
        (_HF + r"attention\.(?:attention\.key|k_proj)\.", _LAYER + "self_attention.in_proj_k."),
        (_HF + r"attention\.(?:attention\.value|v_proj)\.", _LAYER + "self_attention.in_proj_v."),
        (_HF + r"attention\.(?:output\.dense|o_proj)\.", _LAYER + "self_attention.out_proj."),
        (_HF + r"(?:intermediate\.dense|mlp\.fc1)\.", _LAYER + "mlp.0."),
        (_HF + r"(?:output\.dense|mlp\.fc2)\.", _LAYER + "mlp.3."),
        (r"vit\.layernorm\.", "trunk.encoder.ln."),
        (r"classifier\.", "head."),
    ),
)


def _from_flax(name: str, tensor: Tensor) -> Tensor:
    """Flax multiplies rows by matrices and keeps the heads of an attention apart."""
    if name == "embedding/kernel":
        return tensor.permute(3, 2, 0, 1)  # rows columns 3 C
    if name.endswith("/out/kernel"):
        return tensor.flatten(0, 1).T  # heads dim C
    if name.endswith(("/query/kernel", "/key/kernel", "/value/kernel")):
        return tensor.flatten(1).T  # C heads dim
    if name.endswith(("/query/bias", "/key/bias", "/value/bias")):
        return tensor.flatten()
    return tensor.T if name.endswith("kernel") else tensor


_JAX = r"Transformer/encoderblock_(\d+)/"
_JAX_ATTENTION = _JAX + r"MultiHeadDotProductAttention_1/"
JAX = Layout(
    name="Google JAX",
    sign=r"Transformer/encoderblock_\d+/",
    rules=(
        (r"cls$", "trunk.class_token"),
        (r"Transformer/posembed_input/pos_embedding$", "trunk.encoder.pos_embedding"),
        (r"embedding/kernel$", "trunk.conv_proj.weight"),
        (r"embedding/bias$", "trunk.conv_proj.bias"),
        (_JAX + r"LayerNorm_0/scale$", _LAYER + "ln_1.weight"),
        (_JAX + r"LayerNorm_0/bias$", _LAYER + "ln_1.bias"),
        (_JAX + r"LayerNorm_2/scale$", _LAYER + "ln_2.weight"),
        (_JAX + r"LayerNorm_2/bias$", _LAYER + "ln_2.bias"),
        (_JAX_ATTENTION + r"query/kernel$", _LAYER + "self_attention.in_proj_q.weight"),
        (_JAX_ATTENTION + r"key/kernel$", _LAYER + "self_attention.in_proj_k.weight"),
        (_JAX_ATTENTION + r"value/kernel$", _LAYER + "self_attention.in_proj_v.weight"),
        (_JAX_ATTENTION + r"query/bias$", _LAYER + "self_attention.in_proj_q.bias"),
        (_JAX_ATTENTION + r"key/bias$", _LAYER + "self_attention.in_proj_k.bias"),
        (_JAX_ATTENTION + r"value/bias$", _LAYER + "self_attention.in_proj_v.bias"),
        (_JAX_ATTENTION + r"out/kernel$", _LAYER + "self_attention.out_proj.weight"),
        (_JAX_ATTENTION + r"out/bias$", _LAYER + "self_attention.out_proj.bias"),
        (_JAX + r"MlpBlock_3/Dense_0/kernel$", _LAYER + "mlp.0.weight"),
        (_JAX + r"MlpBlock_3/Dense_0/bias$", _LAYER + "mlp.0.bias"),
        (_JAX + r"MlpBlock_3/Dense_1/kernel$", _LAYER + "mlp.3.weight"),
        (_JAX + r"MlpBlock_3/Dense_1/bias$", _LAYER + "mlp.3.bias"),
        (r"Transformer/encoder_norm/scale$", "trunk.encoder.ln.weight"),
        (r"Transformer/encoder_norm/bias$", "trunk.encoder.ln.bias"),
        (r"head/kernel$", "head.weight"),
        (r"head/bias$", "head.bias"),
    ),
    reshape=_from_flax,
)

VIT_LAYOUTS = (TORCHVISION, TIMM_LAYOUT, HUGGING_FACE, JAX)
