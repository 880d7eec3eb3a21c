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
from drivetr.tour.style import graph, line_colours, panels, picture

PATCH = 4
PATCHES = (SIDE // PATCH) ** 2
STEPS, LR = 400, 2e-3
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
            "trained": by_depth(model, images),
            "untrained": by_depth(untrained, images),
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
def by_depth(model: ViTClassifier, images: Tensor) -> dict[str, list[list[float]]]:
    """How far and how widely each head of each layer looks (L, heads), averaged over the images.

    `distance` (pixels): between the middles of the patch that looks and the patch that is seen,
    weighted with attention (Dosovitskiy et al., arXiv:2010.11929, figure 7). `patches`: among how
    many the attention is spread, the exponential of its entropy. The class token plays no part.
    """
    trunk = model.trunk
    away = patch_distances(images.shape[-1] // trunk.patch_size, trunk.patch_size)
    found: dict[str, list[list[float]]] = {"distance": [], "patches": []}
    with recorded_attention(trunk.encoder.layers) as maps:
        trunk.tokens(images)
    for runs in maps.values():
        weights = runs[0][..., 1:, 1:]  # B heads patches patches
        weights = weights / weights.sum(-1, keepdim=True)
        entropy = -(weights * weights.clamp(min=1e-12).log()).sum(-1)
        found["distance"].append((weights * away).sum(-1).mean((0, 2)).tolist())
        found["patches"].append(entropy.exp().mean((0, 2)).tolist())
    return found


def patch_distances(side: int, patch_size: int) -> Tensor:
    """Pixels between the middles of all patches of a square image (side^2, side^2)."""
    grid = torch.arange(side).float() * patch_size
    middles = torch.cartesian_prod(grid, grid)
    return torch.cdist(middles, middles)


def draw(data: Data) -> Mapping[str, Figure]:
    """Pictures of attention, and what changes with depth."""
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
    return {"vit-attention": figure, "vit-depth": _draw_by_depth(data)}


def _draw_by_depth(data: Data) -> Figure:
    figure, axes = panels(1, 2, 3.9)
    even = {"distance": float(patch_distances(SIDE // PATCH, PATCH).mean()), "patches": PATCHES}
    for plot, key, title, unit in (
        (axes[0, 0], "distance", "How far heads look", "mean attention distance (pixels)"),
        (axes[0, 1], "patches", "How widely heads look", "patches (of 64)"),
    ):
        trained, untrained = (np.array(data[name][key]) for name in ("trained", "untrained"))
        depth = np.arange(1, len(trained) + 1)
        graph(plot, title, "layer", unit)
        for head in range(trained.shape[1]):
            first = head == 0
            plot.plot(depth - 0.12, untrained[:, head], "o", mfc="none", color=line_colours()[6],
                      label="heads before training" if first else None)  # fmt: skip
            plot.plot(depth + 0.12, trained[:, head], "o", color=line_colours()[0],
                      label="heads after training" if first else None)  # fmt: skip
        plot.axhline(even[key], ls="--", color=line_colours()[1], lw=1.2, label="all alike")
        plot.set(xticks=depth, ylim=(0, 1.2 * max(even[key], trained.max())))
    axes[0, 0].legend(loc="lower left")
    return figure


def tell(data: Data) -> list[Block]:
    """Layers, rollout and distance."""
    before, after = (np.array(data[name]["distance"]) for name in ("untrained", "trained"))
    spread = np.array(data["trained"]["patches"])
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
            "vit-depth",
            "Each dot is a head, mean of all patches of"
            f" {MEASURED} images. Left: how many pixels away it looks. Right: among how many"
            " patches it spreads its attention (exponential of the entropy). Dashed: a head that"
            " looks at everything alike.",
        ),
        Text(
            "Before training all heads look at nearly everything alike. After it their mean"
            f" distances lie between {after.min():.1f} and {after.max():.1f} pixels (before:"
            f" {before.min():.1f} to {before.max():.1f}), and they spread their attention among"
            f" {spread.min():.0f} to {spread.max():.0f} patches; by layer, on average"
            f" {_by_layer(spread)}. In the large ViT of the paper (figure 7) some heads of the"
            " first layers stay close by, as a convolution does, and later ones look far. A"
            " network of four layers that has seen tiny images for a minute need not do the same."
        ),
    ]


def _by_layer(values: np.ndarray) -> str:
    return ", ".join(f"{mean:.0f}" for mean in values.mean(1))


PART = Part("ViT: an image as a set of patches", compute, draw, tell, foreign=True)
