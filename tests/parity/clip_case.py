"""CLIP on the inputs of a recording."""

import torch
from torch.nn.functional import normalize

from drivetr.models.clip import CLIP, TextTransformer
from drivetr.models.clip_layouts import HUGGING_FACE
from drivetr.nn.backbones.vit import ViT
from drivetr.nn.weights import load_weights
from tests.parity.comparison import EMBEDDINGS, FEATURES, Comparison
from tests.parity.golden_case import GoldenCase


def build_clip(case: GoldenCase) -> CLIP:
    """CLIP of the recorded size with the recorded weights."""
    sizes = case.hyperparameters
    vision, text = sizes["vision_config"], sizes["text_config"]
    model = CLIP(
        ViT(
            vision["image_size"],
            vision["patch_size"],
            vision["num_hidden_layers"],
            vision["num_attention_heads"],
            vision["hidden_size"],
            vision["intermediate_size"],
            eps=vision["layer_norm_eps"],
            activation="quick_gelu",
            clip_style=True,
        ),
        TextTransformer(
            text["vocab_size"],
            text["max_position_embeddings"],
            text["hidden_size"],
            text["num_attention_heads"],
            text["num_hidden_layers"],
            text["intermediate_size"],
        ),
        sizes["projection_dim"],
    ).eval()
    load_weights(model, HUGGING_FACE.translate(case.weights))
    return model


@torch.no_grad()
def compare_clip(case: GoldenCase) -> list[Comparison]:
    """Every recorded quantity; what follows a text's end is left out."""
    model, theirs = build_clip(case), case.outputs
    images, tokens = case.input("pixel_values"), case.input("input_ids")
    real = case.input("attention_mask")[..., None]
    before_norm = []
    hook = model.vision.encoder.ln.register_forward_pre_hook(
        lambda module, inputs: before_norm.append(inputs[0])
    )
    pooled = model.vision.tokens(images)[:, 0]
    hook.remove()
    text = model.text(tokens)
    ends = (torch.arange(len(tokens)), tokens.argmax(-1))
    return [
        Comparison("vision_last_hidden", before_norm[0], theirs["vision_last_hidden"], FEATURES),
        Comparison("vision_pooled", pooled, theirs["vision_pooled"], FEATURES),
        Comparison("text_last_hidden", text * real, theirs["text_last_hidden"] * real, FEATURES),
        Comparison("text_pooled", text[ends], theirs["text_pooled"], FEATURES),
        Comparison(
            "image_embeds",
            normalize(model.encode_image(images), dim=-1),
            theirs["image_embeds"],
            EMBEDDINGS,
        ),
        Comparison(
            "text_embeds",
            normalize(model.encode_text(tokens), dim=-1),
            theirs["text_embeds"],
            EMBEDDINGS,
        ),
        Comparison(
            "logits_per_image",
            model.similarity(images, tokens),
            theirs["logits_per_image"],
            FEATURES,
        ),
    ]
