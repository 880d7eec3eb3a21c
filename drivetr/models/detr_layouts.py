"""The layouts that DETR's weights are published in."""

from drivetr.models.layouts import Layout

_ENCODER = r"transformer\.encoder\.layers\.(\d+)\."
_DECODER = r"transformer\.decoder\.layers\.(\d+)\."

FACEBOOK = Layout(
    name="facebookresearch/detr",
    sign=r"transformer\.encoder\.",
    rules=(
        (r"backbone\.0\.body\.", "backbone."),
        (r"backbone\.1\.(row|col)_embed\.", r"position.\1_embed."),
        (_ENCODER + r"self_attn\.", r"encoder.layers.\1.self_attention."),
        (_ENCODER + r"linear1\.", r"encoder.layers.\1.ffn.0."),
        (_ENCODER + r"linear2\.", r"encoder.layers.\1.ffn.3."),
        (_ENCODER + r"norm1\.", r"encoder.layers.\1.norms.0."),
        (_ENCODER + r"norm2\.", r"encoder.layers.\1.norms.1."),
        (_DECODER + r"self_attn\.", r"decoder.layers.\1.self_attention."),
        (_DECODER + r"multihead_attn\.", r"decoder.layers.\1.cross_attention."),
        (_DECODER + r"linear1\.", r"decoder.layers.\1.ffn.0."),
        (_DECODER + r"linear2\.", r"decoder.layers.\1.ffn.3."),
        (_DECODER + r"norm1\.", r"decoder.layers.\1.norms.0."),
        (_DECODER + r"norm2\.", r"decoder.layers.\1.norms.1."),
        (_DECODER + r"norm3\.", r"decoder.layers.\1.norms.2."),
        (r"transformer\.decoder\.norm\.", "decoder.post_norm."),
        (r"bbox_embed\.layers\.0\.", "box_embed.0."),
        (r"bbox_embed\.layers\.1\.", "box_embed.2."),
        (r"bbox_embed\.layers\.2\.", "box_embed.4."),
    ),
)

_HF_POSITION = r"model\.(?:backbone\.)?position_embedding\."
_HF_ENCODER = r"model\.encoder\.layers\.(\d+)\."
_HF_DECODER = r"model\.decoder\.layers\.(\d+)\."
# transformers 4 writes out_proj and fc1, version 5 o_proj and mlp.fc1.
_OUT, _FC1, _FC2 = r"(?:out|o)_proj\.", r"(?:mlp\.)?fc1\.", r"(?:mlp\.)?fc2\."

HUGGING_FACE = Layout(
    name="Hugging Face",
    sign=r"model\.encoder\.layers\.",
    rules=(
        (r"model\.backbone\.(?:conv_encoder\.)?model\.", "backbone."),
        (_HF_POSITION + r"row_embeddings\.", "position.row_embed."),
        (_HF_POSITION + r"column_embeddings\.", "position.col_embed."),
        (r"model\.input_projection\.", "input_proj."),
        (r"model\.query_position_embeddings\.", "query_embed."),
        (
            _HF_ENCODER + r"self_attn\.([qkv])_proj\.",
            r"encoder.layers.\1.self_attention.in_proj_\2.",
        ),
        (_HF_ENCODER + r"self_attn\." + _OUT, r"encoder.layers.\1.self_attention.out_proj."),
        (_HF_ENCODER + _FC1, r"encoder.layers.\1.ffn.0."),
        (_HF_ENCODER + _FC2, r"encoder.layers.\1.ffn.3."),
        (_HF_ENCODER + r"self_attn_layer_norm\.", r"encoder.layers.\1.norms.0."),
        (_HF_ENCODER + r"final_layer_norm\.", r"encoder.layers.\1.norms.1."),
        (
            _HF_DECODER + r"self_attn\.([qkv])_proj\.",
            r"decoder.layers.\1.self_attention.in_proj_\2.",
        ),
        (_HF_DECODER + r"self_attn\." + _OUT, r"decoder.layers.\1.self_attention.out_proj."),
        (
            _HF_DECODER + r"encoder_attn\.([qkv])_proj\.",
            r"decoder.layers.\1.cross_attention.in_proj_\2.",
        ),
        (_HF_DECODER + r"encoder_attn\." + _OUT, r"decoder.layers.\1.cross_attention.out_proj."),
        (_HF_DECODER + _FC1, r"decoder.layers.\1.ffn.0."),
        (_HF_DECODER + _FC2, r"decoder.layers.\1.ffn.3."),
        (_HF_DECODER + r"self_attn_layer_norm\.", r"decoder.layers.\1.norms.0."),
        (_HF_DECODER + r"encoder_attn_layer_norm\.", r"decoder.layers.\1.norms.1."),
        (_HF_DECODER + r"final_layer_norm\.", r"decoder.layers.\1.norms.2."),
        (r"model\.decoder\.layernorm\.", "decoder.post_norm."),
        (r"class_labels_classifier\.", "class_embed."),
        (r"bbox_predictor\.layers\.0\.", "box_embed.0."),
        (r"bbox_predictor\.layers\.1\.", "box_embed.2."),
        (r"bbox_predictor\.layers\.2\.", "box_embed.4."),
    ),
)

DETR_LAYOUTS = (FACEBOOK, HUGGING_FACE)
