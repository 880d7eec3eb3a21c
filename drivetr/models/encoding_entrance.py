"""Where DETR's encodings of places enter its transformer (arXiv:2005.12872, table 3)."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from drivetr.nn.position import Position

Entrance = Literal["none", "decoder", "input", "attention"]
_INPUT_SHARE = 0.1  # of the spatial encoding at the input, as in the authors' code (kept in MDETR)


@dataclass(frozen=True)
class Encoded:
    """What encoder and decoder get.

    Attributes:
        tokens: image tokens, content of the encoder's input.
        encoder_position: of the tokens in every attention of the encoder.
        decoder_position: of the tokens in every cross-attention of the decoder.
        query: content of the decoder's input.
        query_position: of the queries in every attention of the decoder.
    """

    tokens: Float[Tensor, "B M C"]
    encoder_position: Position
    decoder_position: Position
    query: Float[Tensor, "B Q C"]
    query_position: Position


def _at_input(tokens: Tensor, queries: Tensor) -> Encoded:
    return Encoded(tokens, Position(), Position(), queries, Position())


def enter(
    entrance: Entrance,
    tokens: Float[Tensor, "B M C"],
    encoding: Float[Tensor, "B M C"],
    queries: Float[Tensor, "B Q C"],
) -> Encoded:
    """Lets the spatial encoding of the tokens and the learned object queries in.

    | entrance    | spatial encoding joins                        | object queries are      |
    |-------------|-----------------------------------------------|-------------------------|
    | "none"      | nothing                                       | the decoder's input     |
    | "input"     | the encoder's input, once, a tenth of it      | the decoder's input     |
    | "decoder"   | the keys of the cross-attentions              | added in every attention|
    | "attention" | these, and queries and keys of the encoder    | added in every attention|

    Where queries are added in every attention, the decoder's input is zero and they join queries
    and keys of its self-attentions and the queries of its cross-attentions, as published. These are
    the rows of table 3 in the paper: 32.8 "none", 39.2 "input", 39.3 "decoder", 40.6 "attention"
    with sines and 39.6 "attention" with a learned encoding.

    Args:
        entrance: one of the four.
        tokens: content of the image tokens.
        encoding: where they are.
        queries: learned embeddings of the object queries.
    """
    if entrance == "none":
        return _at_input(tokens, queries)
    if entrance == "input":
        return _at_input(tokens + _INPUT_SHARE * encoding, queries)
    position = Position(added=encoding)
    return Encoded(
        tokens,
        position if entrance == "attention" else Position(),
        position,
        torch.zeros_like(queries),
        Position(added=queries),
    )
