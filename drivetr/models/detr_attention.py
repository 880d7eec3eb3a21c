"""Where DETR looks: from points in its encoder, from queries in its decoder (figures 3 and 6)."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from drivetr.models.detr import DETR, Outputs
from drivetr.nn.attention_maps import recorded_attention


@dataclass(frozen=True)
class DetrAttention:
    """Outputs of one image and the attention that was asked for.

    The maps cover all cells of the feature map, row by row from the top left; those on padding have
    weight 0, and each map sums to 1.

    Attributes:
        outputs: of the model, batch dimension 1.
        encoder: from every cell (second and third axis) to every cell (last two); None where no
            layer was asked for.
        decoder: from every query to every cell; likewise.
        stride: pixels of the image per cell.
    """

    outputs: Outputs
    encoder: Float[Tensor, "heads h w h w"] | None
    decoder: Float[Tensor, "heads Q h w"] | None
    stride: int


@torch.no_grad()
def detr_attention(
    model: DETR,
    image: Float[Tensor, "3 H W"],
    encoder_layer: int | None = None,
    decoder_layer: int | None = None,
    padding_mask: Bool[Tensor, "H W"] | None = None,
) -> DetrAttention:
    """Runs the model on one image and keeps the attention of the asked layers only.

    Args:
        model: in evaluation mode.
        image: normalised, on the model's device.
        encoder_layer: whose self-attention is kept, from 0; negative counts from the end.
        decoder_layer: whose cross-attention is kept, likewise.
        padding_mask: True on padding; none without it.

    Raises:
        ValueError: the model has no such layer.
    """
    names = {}
    if encoder_layer is not None:
        index = _index(encoder_layer, len(model.encoder.layers), "encoder")
        names["encoder"] = f"encoder.layers.{index}.self_attention"
    if decoder_layer is not None:
        index = _index(decoder_layer, len(model.decoder), "decoder")
        names["decoder"] = f"decoder.layers.{index}.cross_attention"
    if padding_mask is None:
        padding_mask = image.new_zeros(image.shape[-2:], dtype=torch.bool)
    stride: int = _strides(model)[-1]
    cells = tuple(-(-side // stride) for side in image.shape[-2:])
    with recorded_attention(model, names.values()) as maps:
        outputs = model(image[None], padding_mask[None])
    kept = {half: maps[name][0][0].unflatten(-1, cells) for half, name in names.items()}
    if "encoder" in kept:
        kept["encoder"] = kept["encoder"].unflatten(1, cells)
    return DetrAttention(outputs, kept.get("encoder"), kept.get("decoder"), stride)


def _index(layer: int, count: int, half: str) -> int:
    if not -count <= layer < count:
        raise ValueError(f"there is no {half} layer {layer}; it has {count}, counted from 0")
    return layer % count


def _strides(model: DETR) -> Any:
    return model.backbone.strides
