"""What a ViT looks at, layer by layer, and rolled out over all layers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from drivetr.models.vit import ViTClassifier
from drivetr.models.vit_attention import vit_attention
from drivetr.nn.attention_maps import recorded_attention
from drivetr.tour.blocks import Block, Formula, Picture, Text
from drivetr.tour.digits import SIDE, accuracy, load_digits, small_vit, train_classifier
from drivetr.tour.part import Data, Part, Settings, as_data
from drivetr.tour.style import graph, panels, picture

PATCH = 4
STEPS, LR = 500, 2e-3
SHOWN = 3  # images in the figure
MEASURED = 64  # images whose attention distances are averaged


def compute(settings: Settings) -> Data:
    """Trains a ViT on digits and records its attention on others."""
    tested_with = load_digits("test")
    model, losses = train_classifier(
        lambda: small_vit(PATCH), load_digits("train"), settings.steps(STEPS), LR, settings.seed,
        "ViT",
    )  # fmt: skip
    torch.manual_seed(settings.seed)
    untrained = small_vit(PATCH).eval()
    images = tested_with[0][:MEASURED]
    return as_data(
        {
            **look(model, images[:SHOWN]),
            "distances": mean_distances(model, images),
            "distances_untrained": mean_distances(untrained, images),
            "accuracy": accuracy(model, tested_with),
            "steps": len(losses),
        },
        digits=4,
    )


@torch.no_grad()
def look(model: ViTClassifier, images: Tensor) -> dict[str, Any]:
    """Attention of the class token to the patches of each image, by layer and rolled out."""
    seen = vit_attention(model, images)
    return {
        "images": images[:, 0],
        "layers": seen.layers.mean(2),  # mean of the heads
        "rollout": seen.rollout,
        "answers": model(images).argmax(-1),
    }


@torch.no_grad()
def mean_distances(model: ViTClassifier, images: Tensor) -> list[list[float]]:
    """How far away, in pixels, each head of each layer looks on average (L, heads).

    Distances between the middles of two patches, weighted with attention, averaged over querying
    patches and images; the class token is left out, as in Dosovitskiy et al., arXiv:2010.11929,
    figure 7.
    """
    trunk = model.trunk
    side = images.shape[-1] // trunk.patch_size
    grid = torch.arange(side).float() * trunk.patch_size
    middles = torch.cartesian_prod(grid, grid)
    away = torch.cdist(middles, middles)
    with recorded_attention(trunk.encoder.layers) as maps:
        trunk.tokens(images)
    found = []
    for runs in maps.values():
        weights = runs[0][..., 1:, 1:]  # B heads patches patches
        weights = weights / weights.sum(-1, keepdim=True)
        found.append((weights * away).sum(-1).mean((0, 2)).tolist())
    return found


def draw(data: Data) -> Mapping[str, Figure]:
    """Pictures of attention, and distances by depth."""
    layers, rollout = np.array(data["layers"]), np.array(data["rollout"])
    count, depth = layers.shape[:2]
    figure, axes = panels(count, depth + 2, 1.55 * count + 0.5)
    for row in range(count):
        name = f"read as {data['answers'][row]}"
        picture(axes[row, 0], data["images"][row], name, cmap="gray")
        for column in range(depth):
            title = f"layer {column + 1}" if row == 0 else ""
            picture(axes[row, column + 1], layers[row, column], title)
        picture(axes[row, -1], rollout[row], "rolled out" if row == 0 else "")
    figure.suptitle("Where the class token looks; bright is much, each picture on its own scale")
    return {"vit-attention": figure, "vit-distance": _draw_distances(data)}


def _draw_distances(data: Data) -> Figure:
    figure, axes = panels(1, 2, 3.8)
    even = evenly(SIDE // PATCH, PATCH)
    for plot, key, title in (
        (axes[0, 0], "distances_untrained", "Before training"),
        (axes[0, 1], "distances", "After training"),
    ):
        distances = np.array(data[key])
        graph(plot, title, "layer", "mean attention distance (pixels)")
        depth = np.arange(1, len(distances) + 1)
        for head in range(distances.shape[1]):
            plot.plot(depth, distances[:, head], "o", label=f"head {head + 1}")
        plot.plot(depth, distances.mean(1), "-", color="gray", zorder=0, label="mean")
        plot.axhline(even, ls="--", color="gray", lw=1)
        plot.set(xticks=depth, ylim=(0, 1.35 * even))
    axes[0, 1].legend(ncols=2, loc="lower right")
    return figure


def evenly(side: int, patch_size: int) -> float:
    """The mean distance of a head that looks at all patches alike."""
    grid = torch.arange(side).float() * patch_size
    middles = torch.cartesian_prod(grid, grid)
    return float(torch.cdist(middles, middles).mean())


def tell(data: Data) -> list[Block]:
    """Layers, rollout and distance."""
    before = np.array(data["distances_untrained"])
    after = np.array(data["distances"])
    low, high = after.min(), after.max()
    return [
        Text(
            f"A ViT cuts the image into patches, here of {PATCH}x{PATCH} pixels, makes a token of"
            " each, adds a learned position, and sets a class token in front, from which the answer"
            " is read. Then come layers of attention among all tokens, each followed by a small"
            f" network for every token. This one read digits for {data['steps']} steps and names"
            f" {data['accuracy']:.1%} of the held-out ones."
        ),
        Picture(
            "vit-attention",
            "Three digits that it did not learn from; attention of the class token to the patches,"
            " mean of the heads.",
        ),
        Text(
            "What a layer attends to is a mixture already, since each token has gathered from"
            " others in the layers before. Rolling out multiplies the layers, with one half for"
            " what a token kept of itself. It is an estimate: values and feed-forward parts play no"
            " part in it."
        ),
        Formula(
            "R = A_L · … · A_2 · A_1,   A_l = (mean over heads of W_l + I) / 2",
            "Abnar and Zuidema, arXiv:2005.00928, section 3",
        ),
        Picture(
            "vit-distance",
            "Each dot is a head: how many pixels away it looks on average. Dashed: a head that"
            f" looks at everything alike ({evenly(SIDE // PATCH, PATCH):.1f} pixels).",
        ),
        Text(
            "Before training all heads look everywhere alike"
            f" ({before.min():.1f} to {before.max():.1f} pixels). After it they differ: from"
            f" {low:.1f} to {high:.1f} pixels, by layer {_by_layer(after)}. In the large ViT of the"
            " paper some heads of the first layers stay close by, as a convolution does, and later"
            " ones look far; a network of four layers on tiny images need not do the same."
        ),
    ]


def _by_layer(distances: np.ndarray) -> str:
    return ", ".join(f"{mean:.1f}" for mean in distances.mean(1))


PART = Part("ViT: an image as a set of patches", compute, draw, tell, foreign=True)
