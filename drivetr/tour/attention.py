"""Attention matrices of tokens with and without positions, and what happens to a shuffled row."""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from drivetr.nn.attention import MultiheadAttention
from drivetr.nn.position import Position
from drivetr.nn.sine_position import image_sine
from drivetr.tour.blocks import Block, Formula, Picture, Text
from drivetr.tour.part import Data, Part, Settings, as_data
from drivetr.tour.style import matrix, numbered, panels

WORD = "banana"
EMBED_DIM = 32
CONTRAST = 3.0  # lengthens the tokens of untrained weights, so that the softmax has preferences


def compute(settings: Settings) -> Data:
    """The attention of one untrained head among the letters of a word."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        attention = MultiheadAttention(EMBED_DIM, num_heads=1).eval()
        alphabet = CONTRAST * torch.randn(26, EMBED_DIM)
    letters = alphabet[[ord(letter) - ord("a") for letter in WORD]]
    shuffle = torch.randperm(len(WORD), generator=settings.generator())
    return as_data({"word": WORD, **look(attention, letters, shuffle)})


@torch.no_grad()
def look(attention: MultiheadAttention, tokens: Tensor, shuffle: Tensor) -> dict[str, object]:
    """Weights (T,T) of one head among tokens (T,C), and how outputs follow a new order of them."""
    place = CONTRAST * row_positions(len(tokens), tokens.shape[1])
    found: dict[str, object] = {"shuffle": shuffle}
    for name, added in (("without", None), ("with", place[None])):
        position = Position(added=added)
        weights = attention.weights(tokens[None], tokens[None], position, position)[0, 0]
        out, _ = attention(tokens[None], tokens[None], position, position)
        moved = tokens[shuffle][None]
        after, _ = attention(moved, moved, position, position)
        found[name] = {
            "weights": weights,
            "change": (after[0] - out[0][shuffle]).abs().max(),
            "size": out.abs().max(),
        }
    return found


def row_positions(count: int, embed_dim: int) -> Tensor:
    """DETR's sine encoding of the places in a row (T,C): of their columns, the only row given."""
    padding = torch.zeros(1, 1, count, dtype=torch.bool)
    return image_sine(padding, embed_dim // 2)[0, :, 0].T


def draw(data: Data) -> Mapping[str, Figure]:
    """The two matrices side by side."""
    figure, axes = panels(1, 2, 4.6)
    for plot, name in zip(axes[0], ("without", "with"), strict=True):
        weights = np.array(data[name]["weights"])
        shown = matrix(
            plot, weights, list(data["word"]), list(data["word"]), f"{name} positions",
            vmin=0, vmax=1,
        )  # fmt: skip
        numbered(plot, weights, shown, "{:.2f}")
        plot.set(xlabel="key: who is looked at", ylabel="query: who looks")
    figure.colorbar(shown, ax=axes[0].tolist(), shrink=0.8, label="attention weight")
    return {"attention": figure}


def tell(data: Data) -> list[Block]:
    """What attention is, and why it needs positions."""
    without, placed = data["without"], data["with"]
    return [
        Text(
            "Attention lets every token ask all others. A token makes three vectors out of itself:"
            " a query (what it looks for), a key (what it offers to be found by) and a value (what"
            " it hands over). The query is compared with all keys by a dot product; the softmax"
            " makes weights of the results that add up to 1; the answer is the mean of the values"
            " with these weights."
        ),
        Formula(
            "attention(Q, K, V) = softmax(Q Kᵀ / √d) V",
            "Vaswani et al., arXiv:1706.03762, equation 1; d is the width of a head",
        ),
        Picture(
            "attention",
            f"One untrained head among the letters of {data['word']!r}; each row adds up to 1.",
        ),
        Text(
            "Left, a token is its letter and nothing else. The three a's send the same query, so"
            " their rows are equal, and they offer the same key, so their columns are equal too:"
            " attention cannot tell the first a from the last. Right, a sine encoding of the"
            " place was added to queries and keys, as DETR does, and all rows differ."
        ),
        Text(
            "The same as a number: shuffle the tokens, and compare the outputs with the old ones,"
            " shuffled alike. Without positions the largest difference is"
            f" {without['change']:.1e} (outputs reach {without['size']:.2f}): only rounding."
            f" With positions, which stay where they are, it is {placed['change']:.2f}."
            " So attention sees a set, and order is something that has to be told to it. In a"
            " convolution it is built in."
        ),
    ]


PART = Part("Attention: every token asks all others", compute, draw, tell)
