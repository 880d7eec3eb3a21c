"""What a Hugging Face `config.json` tells of a model, beyond its weights.

Files hold what differs from the defaults of transformers, which are repeated here for what no
weight tells. Sizes are given where the file has them; the weights have the last word on those.
"""

from collections.abc import Mapping
from typing import Any

Config = Mapping[str, Any]

_DETR_SIZES = {
    "embed_dim": "d_model", "ffn_dim": "encoder_ffn_dim", "encoder_layers": "encoder_layers",
    "decoder_layers": "decoder_layers", "num_queries": "num_queries",
}  # fmt: skip
_VIT_SIZES = {
    "patch_size": "patch_size", "num_layers": "num_hidden_layers", "embed_dim": "hidden_size",
    "mlp_dim": "intermediate_size",
}  # fmt: skip
_VISION_SIZES = {
    "patch_size": "patch_size", "vision_layers": "num_hidden_layers", "vision_dim": "hidden_size",
    "vision_mlp_dim": "intermediate_size",
}  # fmt: skip
_TEXT_SIZES = {
    "vocab_size": "vocab_size", "context_length": "max_position_embeddings",
    "text_dim": "hidden_size", "text_layers": "num_hidden_layers",
    "text_mlp_dim": "intermediate_size",
}  # fmt: skip


def _sizes(config: Config, entries: Mapping[str, str]) -> dict[str, Any]:
    return {name: config[entry] for name, entry in entries.items() if entry in config}


def _expect(config: Config, **entries: Any) -> None:
    """Refuses a network that differs where drivetr's has no choice."""
    for entry, expected in entries.items():
        if (found := config.get(entry, expected)) != expected:
            raise ValueError(f"{entry} is {found!r}, expected {expected!r}")


def detr_settings(config: Config) -> dict[str, Any]:
    """Settings of DETR.

    Raises:
        ValueError: an entry that drivetr's DETR does not follow.
    """
    num_heads = config.get("encoder_attention_heads", 8)
    _expect(config, model_type="detr", activation_function="relu")
    _expect({"decoder_attention_heads": 8, **config}, decoder_attention_heads=num_heads)
    return {
        "dilated": config.get("dilation", False),
        "position": config.get("position_embedding_type", "sine"),
        "num_heads": num_heads,
        **_sizes(config, _DETR_SIZES),
    }


def vit_settings(config: Config) -> dict[str, Any]:
    """Settings of the ViT classifier.

    Raises:
        ValueError: an entry that drivetr's ViT does not follow.
    """
    _expect(config, model_type="vit", hidden_act="gelu", qkv_bias=True)
    return {
        "num_heads": config.get("num_attention_heads", 12),
        "eps": config.get("layer_norm_eps", 1e-12),
        "pooling": "class_token",
        **_sizes(config, _VIT_SIZES),
    }


def clip_settings(config: Config) -> dict[str, Any]:
    """Settings of CLIP.

    Raises:
        ValueError: an entry that drivetr's CLIP does not follow.
    """
    _expect(config, model_type="clip")
    vision, text = config.get("vision_config") or {}, config.get("text_config") or {}
    activation = vision.get("hidden_act", "quick_gelu")
    _expect({"hidden_act": "quick_gelu", **text}, hidden_act=activation)
    for tower in (vision, text):
        _expect(tower, layer_norm_eps=1e-5)
    return {
        "vision_heads": vision.get("num_attention_heads", 12),
        "text_heads": text.get("num_attention_heads", 8),
        "activation": activation,
        **_sizes(vision, _VISION_SIZES),
        **_sizes(text, _TEXT_SIZES),
        **_sizes(config, {"embed_dim": "projection_dim"}),
    }
