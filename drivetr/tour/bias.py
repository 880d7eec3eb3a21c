"""Inductive bias: how many examples a convolution and a transformer need."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from torch import nn

from drivetr.models.lenet import LeNet5
from drivetr.tour.blocks import Block, Picture, Table, Text
from drivetr.tour.digits import Digits, accuracy, load_digits, small_vit, train_classifier
from drivetr.tour.part import Data, Part, Settings, as_data
from drivetr.tour.style import graph, panels

SIZES = (20, 80, 320, 1257)
RUNS = 2  # seeds
STEPS = 200
PATCH = 8
NETWORKS: dict[str, tuple[Callable[[], nn.Module], float]] = {  # and learning rates
    "LeNet-5": (LeNet5, 3e-3),
    "ViT": (lambda: small_vit(PATCH), 2e-3),
}


def compute(settings: Settings) -> Data:
    """Trains both networks on the first images of the split, more and more of them."""
    sizes = SIZES if settings.share >= 1 else SIZES[::2]
    return as_data(train(load_digits("train"), load_digits("test"), sizes, settings))


def train(
    learned_from: Digits, tested_with: Digits, sizes: Sequence[int], settings: Settings
) -> dict[str, Any]:
    """Test accuracy of each network, size and seed, after equally many steps."""
    found: dict[str, Any] = {"sizes": sizes, "steps": settings.steps(STEPS)}
    for name, (make, lr) in NETWORKS.items():
        curves = []
        for seed in range(settings.seed, settings.seed + RUNS):
            curve = []
            for size in sizes:
                digits = (learned_from[0][:size], learned_from[1][:size])
                model, _ = train_classifier(
                    make, digits, found["steps"], lr, seed, f"{name}, {size} images"
                )
                curve.append(accuracy(model, tested_with))
            curves.append(curve)
        found[name] = {
            "accuracy": curves,
            "parameters": sum(p.numel() for p in make().parameters()),
        }
    return found


def draw(data: Data) -> Mapping[str, Figure]:
    """Accuracy against size."""
    figure, axes = panels(1, 1, 4.3, width=7.5)
    plot = axes[0, 0]
    graph(plot, "The same test, after learning from few or many", "images to learn from",
          "test accuracy (%)")  # fmt: skip
    for marker, name in zip("os", NETWORKS, strict=True):
        curves = 100 * np.array(data[name]["accuracy"])
        (line,) = plot.plot(data["sizes"], curves.mean(0), marker=marker, label=name)
        plot.fill_between(data["sizes"], curves.min(0), curves.max(0), alpha=0.25,
                          color=line.get_color())  # fmt: skip
    plot.set_xscale("log")
    plot.set_xticks(data["sizes"], [str(size) for size in data["sizes"]])
    plot.minorticks_off()
    plot.legend(loc="lower right")
    return {"bias": figure}


def tell(data: Data) -> list[Block]:
    """What a network need not learn."""
    means = {name: np.mean(data[name]["accuracy"], axis=0) for name in NETWORKS}
    rows = tuple(
        (str(size), *(f"{means[name][i]:.1%}" for name in NETWORKS))
        for i, size in enumerate(data["sizes"])
    )
    return [
        Text(
            "A convolution knows two things before it has seen anything: what matters stands close"
            " together, and a stroke is a stroke wherever it is. A ViT cuts the image into patches,"
            " treats them as a set of tokens and has to learn both from examples. So with few"
            " examples the convolution should be ahead, and with many the transformer should catch"
            " up (Dosovitskiy et al., arXiv:2010.11929, section 4.3 and figure 3, with millions of"
            " images)."
        ),
        Picture(
            "bias",
            f"Lines: means of {len(data['ViT']['accuracy'])} seeds, shades: from the lowest to the"
            f" highest. Every run took {data['steps']} steps, however few images it had.",
        ),
        Table(("images", *(f"{name}" for name in NETWORKS)), rows),
        Text(
            f"LeNet-5 has {data['LeNet-5']['parameters']:,} weights and this ViT"
            f" {data['ViT']['parameters']:,}. Nothing was turned, shifted or otherwise varied to"
            " make more of few images. These are digits of 8x8 pixels: what is small here is small"
            " in many ways, and the graph shows the direction of the effect and not its size"
            " elsewhere."
        ),
    ]


PART = Part("Inductive bias: knowing before seeing", compute, draw, tell)
