"""DETR: object detection as set prediction in one image (arXiv:2005.12872)."""

from typing import Any, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from drivetr.models.encoding_entrance import Entrance, enter
from drivetr.nn.decoder import TransformerDecoder
from drivetr.nn.encoder import TransformerEncoder
from drivetr.nn.mlp import mlp

Outputs = dict[str, Any]


class DETR(nn.Module):
    """A fixed number of queries looks at one encoded image; each answers with a class and a box.

    Args:
        backbone: images (B,3,H,W) to a list of feature maps, whose last one is used.
        position: padding (B,h,w) of that map to the encoding (B,C,h,w) of its cells.
        encoder: attention among the image tokens.
        decoder: attention from the queries to the tokens.
        embed_dim: width C of tokens and queries.
        num_queries: Q, the largest number of objects in one image.
        num_classes: K, without the class "no object", which comes last.
        spatial_encoding: where the encodings enter: "attention" (in all attentions, as published),
            "decoder", "input" or "none"; `drivetr.models.encoding_entrance` says what each means.

    Raises:
        ValueError: for another word.
    """

    def __init__(
        self,
        backbone: nn.Module,
        position: nn.Module,
        encoder: TransformerEncoder,
        decoder: TransformerDecoder,
        embed_dim: int = 256,
        num_queries: int = 100,
        num_classes: int = 91,
        spatial_encoding: Entrance = "attention",
    ) -> None:
        super().__init__()
        if spatial_encoding not in get_args(Entrance):
            raise ValueError(
                f"spatial_encoding is {spatial_encoding!r}, expected one of"
                f" {', '.join(get_args(Entrance))}"
            )
        self.spatial_encoding = spatial_encoding
        out_channels: Any = backbone.out_channels
        self.backbone = backbone
        self.input_proj = nn.Conv2d(out_channels[-1], embed_dim, 1)
        self.position = position
        self.encoder = encoder
        self.decoder = decoder
        self.query_embed = nn.Embedding(num_queries, embed_dim)
        self.class_embed = nn.Linear(embed_dim, num_classes + 1)
        self.box_embed = mlp(embed_dim, embed_dim, embed_dim, 4)
        for part in (encoder, decoder):  # how DETR's authors start their transformer
            for weight in part.parameters():
                if weight.dim() > 1:
                    nn.init.xavier_uniform_(weight)

    def forward(
        self, images: Float[Tensor, "B 3 H W"], padding_mask: Bool[Tensor, "B H W"]
    ) -> Outputs:
        """Detects the objects in each image.

        Args:
            images: normalised, padded at the right and at the bottom to a common size.
            padding_mask: True on padding.

        Returns:
            `pred_logits` (B,Q,K+1), whose last class is "no object"; `pred_boxes` (B,Q,4): centre
            x, y, width and height as shares (0..1) of the image without padding; `aux_outputs`
            with the same two of every earlier layer.
        """
        features = self.backbone(images)[-1]
        padding = resize_mask(padding_mask, features.shape[-2:])  # B h w
        visible = ~padding.flatten(1)[:, None, None]
        start = enter(
            self.spatial_encoding,
            _tokens(self.input_proj(features)),
            _tokens(self.position(padding)),
            self.query_embed.weight.expand(len(images), -1, -1),  # B Q C
        )
        memory = self.encoder(start.tokens, start.encoder_position, visible)
        query, layers = start.query, []
        for index in range(len(self.decoder)):
            query, _ = self.decoder.step(
                index,
                query,
                memory,
                start.query_position,
                start.decoder_position,
                memory_mask=visible,
            )
            normed = self.decoder.post_norm(query)
            layers.append(
                {
                    "pred_logits": self.class_embed(normed),
                    "pred_boxes": self.box_embed(normed).sigmoid(),
                }
            )
        return {**layers[-1], "aux_outputs": layers[:-1]}


def resize_mask(
    mask: Bool[Tensor, "B H W"], size: tuple[int, int] | torch.Size
) -> Bool[Tensor, "B h w"]:
    """The mask of a feature map by nearest neighbours, which are those at the top left."""
    rows, columns = (
        torch.arange(cells, device=mask.device) * full // cells
        for cells, full in zip(size, mask.shape[-2:], strict=True)
    )
    return mask[:, rows[:, None], columns]


def _tokens(maps: Float[Tensor, "B C H W"]) -> Float[Tensor, "B H*W C"]:
    return maps.flatten(2).transpose(1, 2)
