"""The published 2D models by name: how each is built from plain settings, and its layouts."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from drivetr.models.clip import CLIP, TextTransformer
from drivetr.models.clip_layouts import CLIP_LAYOUTS
from drivetr.models.detr import DETR
from drivetr.models.detr_layouts import DETR_LAYOUTS
from drivetr.models.hugging_face import clip_settings, detr_settings, vit_settings
from drivetr.models.layouts import Layout
from drivetr.models.vit import ViTClassifier
from drivetr.models.vit_layouts import VIT_LAYOUTS
from drivetr.nn.backbones.resnet import ResNet
from drivetr.nn.backbones.vit import ViT
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.encoder import TransformerEncoder
from drivetr.nn.image_position import LearnedPosition, SinePosition

Settings = dict[str, Any]  # plain numbers and words
_MOST_LAYERS = 1000  # far more than anybody has published


@dataclass(frozen=True)
class Family:
    """One kind of model.

    Attributes:
        build: the model with random weights, from all settings.
        layouts: that its weights are published in.
        told_by_weights: what names and shapes of a state dict under drivetr's names tell.
        told_by_config: settings from the content of a Hugging Face `config.json`.
        untold: settings that no state dict tells.
        free: settings in which a file may differ from the named model, told by its weights.
    """

    build: Callable[[Settings], nn.Module]
    layouts: Sequence[Layout]
    told_by_weights: Callable[[Mapping[str, Tensor]], Settings]
    told_by_config: Callable[[Mapping[str, Any]], Settings]
    untold: tuple[str, ...]
    free: tuple[str, ...] = ()


def count_layers(state: Mapping[str, Tensor], prefix: str) -> int:
    """How many different numbers follow `prefix` in the names.

    Raises:
        ValueError: so many that building them would fill the memory.
    """
    count = len({key[len(prefix) :].split(".")[0] for key in state if key.startswith(prefix)})
    if count > _MOST_LAYERS:
        raise ValueError(f"{count} layers at {prefix}")
    return count


def _build_detr(s: Settings) -> DETR:
    position = {"sine": SinePosition, "learned": LearnedPosition}[s["position"]]
    if s["dilated"] not in (True, False):
        raise ValueError(f"dilated is {s['dilated']!r}, expected True or False")
    sizes = (s["embed_dim"], s["num_heads"], s["ffn_dim"])
    return DETR(
        ResNet(s["depth"], (4,), frozen_norm=True, dilated=s["dilated"]),
        position(s["embed_dim"]),
        TransformerEncoder(*sizes, s["encoder_layers"]),
        TransformerDecoder(*sizes, s["decoder_layers"]),
        s["embed_dim"],
        s["num_queries"],
        s["num_classes"],
    )


def _detr_from_weights(state: Mapping[str, Tensor]) -> Settings:
    blocks = count_layers(state, "backbone.layer3.")
    bottleneck = "backbone.layer1.0.conv3.weight" in state
    depth = {(2, False): 18, (6, False): 34, (6, True): 50, (23, True): 101, (36, True): 152}
    return {
        "depth": depth.get((blocks, bottleneck), 50),
        "position": "learned" if "position.row_embed.weight" in state else "sine",
        "embed_dim": state["input_proj.weight"].shape[0],
        "ffn_dim": state["decoder.layers.0.ffn.0.weight"].shape[0],
        "encoder_layers": count_layers(state, "encoder.layers."),
        "decoder_layers": count_layers(state, "decoder.layers."),
        "num_queries": state["query_embed.weight"].shape[0],
        "num_classes": state["class_embed.weight"].shape[0] - 1,
    }


def _build_vit(s: Settings) -> ViTClassifier:
    trunk = ViT(
        s["image_size"],
        s["patch_size"],
        s["num_layers"],
        s["num_heads"],
        s["embed_dim"],
        s["mlp_dim"],
        eps=float(s["eps"]),
    )
    return ViTClassifier(trunk, s["num_classes"], s["pooling"])


def _side(positions: Tensor, patch_size: int) -> int:
    """Side of the square image that learned positions (1,1+P,C) belong to."""
    return math.isqrt(positions.shape[1] - 1) * patch_size


def _vit_from_weights(state: Mapping[str, Tensor]) -> Settings:
    embed_dim, _, patch_size, _ = state["trunk.conv_proj.weight"].shape
    first = "trunk.encoder.layers.encoder_layer_0."
    return {
        "image_size": _side(state["trunk.encoder.pos_embedding"], patch_size),
        "patch_size": patch_size,
        "num_layers": count_layers(state, "trunk.encoder.layers."),
        "embed_dim": embed_dim,
        "mlp_dim": state[first + "mlp.0.weight"].shape[0],
        "num_classes": state["head.weight"].shape[0],
    }


def _build_clip(s: Settings) -> CLIP:
    return CLIP(
        ViT(
            s["image_size"],
            s["patch_size"],
            s["vision_layers"],
            s["vision_heads"],
            s["vision_dim"],
            s["vision_mlp_dim"],
            eps=1e-5,
            activation=s["activation"],
            clip_style=True,
        ),
        TextTransformer(
            s["vocab_size"],
            s["context_length"],
            s["text_dim"],
            s["text_heads"],
            s["text_layers"],
            s["text_mlp_dim"],
            s["activation"],
        ),
        s["embed_dim"],
    )


def _clip_from_weights(state: Mapping[str, Tensor]) -> Settings:
    vision_dim, _, patch_size, _ = state["vision.conv_proj.weight"].shape
    vocab_size, text_dim = state["text.token_embedding.weight"].shape
    first = "vision.encoder.layers.encoder_layer_0."
    return {
        "image_size": _side(state["vision.encoder.pos_embedding"], patch_size),
        "patch_size": patch_size,
        "vision_layers": count_layers(state, "vision.encoder.layers."),
        "vision_dim": vision_dim,
        "vision_mlp_dim": state[first + "mlp.0.weight"].shape[0],
        "vocab_size": vocab_size,
        "context_length": state["text.positional_embedding"].shape[0],
        "text_dim": text_dim,
        "text_layers": count_layers(state, "text.blocks."),
        "text_mlp_dim": state["text.blocks.0.mlp.0.weight"].shape[0],
        "embed_dim": state["text_projection.weight"].shape[0],
    }


FAMILIES: dict[str, Family] = {
    "detr": Family(
        _build_detr, DETR_LAYOUTS, _detr_from_weights, detr_settings,
        untold=("num_heads", "dilated"), free=("num_classes", "num_queries"),
    ),
    "vit": Family(
        _build_vit, VIT_LAYOUTS, _vit_from_weights, vit_settings,
        untold=("num_heads", "eps", "pooling"), free=("num_classes", "image_size"),
    ),
    "clip": Family(
        _build_clip, CLIP_LAYOUTS, _clip_from_weights, clip_settings,
        untold=("vision_heads", "text_heads", "activation"),
    ),
}  # fmt: skip


def _detr(depth: int, dilated: bool) -> Settings:
    return {
        "depth": depth, "dilated": dilated, "position": "sine", "embed_dim": 256, "num_heads": 8,
        "ffn_dim": 2048, "encoder_layers": 6, "decoder_layers": 6, "num_queries": 100,
        "num_classes": 91,
    }  # fmt: skip


def _vit(patch_size: int, num_layers: int, num_heads: int, embed_dim: int) -> Settings:
    return {
        "image_size": 224, "patch_size": patch_size, "num_layers": num_layers,
        "num_heads": num_heads, "embed_dim": embed_dim, "mlp_dim": 4 * embed_dim, "eps": 1e-6,
        "num_classes": 1000, "pooling": "class_token",
    }  # fmt: skip


def _clip(patch_size: int, vision: tuple[int, int, int], text_dim: int, embed_dim: int) -> Settings:
    layers, heads, dim = vision
    return {
        "image_size": 224, "patch_size": patch_size, "vision_layers": layers,
        "vision_heads": heads, "vision_dim": dim, "vision_mlp_dim": 4 * dim, "vocab_size": 49408,
        "context_length": 77, "text_dim": text_dim, "text_heads": text_dim // 64,
        "text_layers": 12, "text_mlp_dim": 4 * text_dim, "activation": "quick_gelu",
        "embed_dim": embed_dim,
    }  # fmt: skip


# Name -> family and all settings of the published model.
PUBLISHED: dict[str, tuple[str, Settings]] = {
    "detr_r50": ("detr", _detr(50, False)),
    "detr_r50_dc5": ("detr", _detr(50, True)),
    "detr_r101": ("detr", _detr(101, False)),
    "detr_r101_dc5": ("detr", _detr(101, True)),
    "vit_b_16": ("vit", _vit(16, 12, 12, 768)),
    "vit_b_32": ("vit", _vit(32, 12, 12, 768)),
    "vit_l_16": ("vit", _vit(16, 24, 16, 1024)),
    "vit_l_32": ("vit", _vit(32, 24, 16, 1024)),
    "clip_vit_b_32": ("clip", _clip(32, (12, 12, 768), 512, 512)),
    "clip_vit_b_16": ("clip", _clip(16, (12, 12, 768), 512, 512)),
    "clip_vit_l_14": ("clip", _clip(14, (24, 16, 1024), 768, 768)),
}
