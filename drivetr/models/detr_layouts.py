"""The layouts that DETR's weights are published in."""

from drivetr.models.layouts import Layout
from drivetr.models.resnet_layouts import hugging_face_trunk

_OURS = r"\1.layers.\2."  # of encoder or decoder

_FACEBOOK = r"transformer\.(encoder|decoder)\.layers\.(\d+)\."
FACEBOOK = Layout(
    name="facebookresearch/detr",
    sign=r"transformer\.encoder\.",
    rules=(
        (r"backbone\.0\.body\.", "backbone."),
        (r"backbone\.1\.(row|col)_embed\.", r"position.\1_embed."),
        (_FACEBOOK + r"self_attn\.", _OURS + "self_attention."),
        (_FACEBOOK + r"multihead_attn\.", _OURS + "cross_attention."),
        (_FACEBOOK + r"linear1\.", _OURS + "ffn.0."),
        (_FACEBOOK + r"linear2\.", _OURS + "ffn.3."),
        (_FACEBOOK + r"norm1\.", _OURS + "norms.0."),
        (_FACEBOOK + r"norm2\.", _OURS + "norms.1."),
        (_FACEBOOK + r"norm3\.", _OURS + "norms.2."),
        (r"transformer\.decoder\.norm\.", "decoder.post_norm."),
        (r"bbox_embed\.layers\.0\.", "box_embed.0."),
        (r"bbox_embed\.layers\.1\.", "box_embed.2."),
        (r"bbox_embed\.layers\.2\.", "box_embed.4."),
    ),
)

_HF = r"model\.(encoder|decoder)\.layers\.(\d+)\."
_HF_TRUNK = r"model\.backbone\.(?:conv_encoder\.)?model\."
_HF_POSITION = r"model\.(?:backbone\.)?position_embedding\."
# transformers 4 writes out_proj and fc1, version 5 o_proj and mlp.fc1.
_OUT, _FC1, _FC2 = r"(?:out|o)_proj\.", r"(?:mlp\.)?fc1\.", r"(?:mlp\.)?fc2\."

HUGGING_FACE = Layout(
    name="Hugging Face",
    sign=r"model\.encoder\.layers\.",
    rules=(
        *hugging_face_trunk(_HF_TRUNK, "backbone."),
        (_HF_TRUNK, "backbone."),  # timm's names, which are torchvision's
        (_HF_POSITION + r"row_embeddings\.", "position.row_embed."),
        (_HF_POSITION + r"column_embeddings\.", "position.col_embed."),
        (r"model\.input_projection\.", "input_proj."),
        (r"model\.query_position_embeddings\.", "query_embed."),
        (_HF + r"self_attn\.([qkv])_proj\.", _OURS + r"self_attention.in_proj_\3."),
        (_HF + r"self_attn\." + _OUT, _OURS + "self_attention.out_proj."),
        (_HF + r"encoder_attn\.([qkv])_proj\.", _OURS + r"cross_attention.in_proj_\3."),
        (_HF + r"encoder_attn\." + _OUT, _OURS + "cross_attention.out_proj."),
        (_HF + _FC1, _OURS + "ffn.0."),
        (_HF + _FC2, _OURS + "ffn.3."),
        (_HF + r"self_attn_layer_norm\.", _OURS + "norms.0."),
        (_HF + r"encoder_attn_layer_norm\.", _OURS + "norms.1."),
        (r"model\.encoder\.layers\.(\d+)\.final_layer_norm\.", r"encoder.layers.\1.norms.1."),
        (r"model\.decoder\.layers\.(\d+)\.final_layer_norm\.", r"decoder.layers.\1.norms.2."),
        (r"model\.decoder\.layernorm\.", "decoder.post_norm."),
        (r"class_labels_classifier\.", "class_embed."),
        (r"bbox_predictor\.layers\.0\.", "box_embed.0."),
        (r"bbox_predictor\.layers\.1\.", "box_embed.2."),
        (r"bbox_predictor\.layers\.2\.", "box_embed.4."),
    ),
)

DETR_LAYOUTS = (FACEBOOK, HUGGING_FACE)
