"""How depth and shortcuts change training: families of convolutional networks in small."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from torch import nn

from drivetr.models.conv_net import small_alexnet, small_resnet, small_vgg
from drivetr.models.lenet import LeNet5
from drivetr.tour.blocks import Block, Formula, Picture, Table, Text
from drivetr.tour.digits import accuracy, load_digits, train_classifier
from drivetr.tour.part import Data, Part, Settings, as_data
from drivetr.tour.style import graph, line_colours, panels

FAMILIES: dict[str, Callable[[], nn.Module]] = {
    "LeNet-5": LeNet5,
    "AlexNet, small": small_alexnet,
    "VGG, small": small_vgg,
    "plain-8": lambda: small_resnet(1, residual=False),
    "plain-20": lambda: small_resnet(3, residual=False),
    "plain-44": lambda: small_resnet(7, residual=False),
    "ResNet-8": lambda: small_resnet(1),
    "ResNet-20": lambda: small_resnet(3),
    "ResNet-44": lambda: small_resnet(7),
}
GROUPS = {
    "Families of networks": ("LeNet-5", "AlexNet, small", "VGG, small", "ResNet-20"),
    "Deeper, plain": ("plain-8", "plain-20", "plain-44"),
    "Deeper, with shortcuts": ("ResNet-8", "ResNet-20", "ResNet-44"),
}
STEPS, LR = 160, 2e-3
SMOOTH = 10  # steps whose losses are averaged in the graphs


def compute(settings: Settings) -> Data:
    """Trains each network from the same seed, on the same batches, for the same steps."""
    return as_data({"runs": train(FAMILIES, settings), "groups": GROUPS})


def train(families: Mapping[str, Callable[[], nn.Module]], settings: Settings) -> dict[str, Any]:
    """Losses, size and test accuracy of every network."""
    learned_from, tested_with = load_digits("train"), load_digits("test")
    runs = {}
    for name, make in families.items():
        model, losses = train_classifier(
            make, learned_from, settings.steps(STEPS), LR, settings.seed, name
        )
        weights = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
        shortcuts = sum(isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1) for m in weights)
        runs[name] = {
            "losses": losses,
            "layers": len(weights) - shortcuts,
            "parameters": sum(p.numel() for p in model.parameters()),
            "accuracy": accuracy(model, tested_with),
        }
    return runs


def smoothed(losses: list[float]) -> np.ndarray:
    """The mean over a window that ends at each step."""
    wide = min(SMOOTH, len(losses))
    return np.convolve(losses, np.full(wide, 1 / wide), mode="valid")


def draw(data: Data) -> Mapping[str, Figure]:
    """Training loss against steps, one panel a group."""
    figure, axes = panels(1, 3, 4.0)
    highest = max(smoothed(run["losses"]).max() for run in data["runs"].values())
    for plot, (title, names) in zip(axes[0], data["groups"].items(), strict=True):
        graph(plot, title, "training step", "")
        for colour, name in zip(line_colours(), names, strict=False):
            curve = smoothed(data["runs"][name]["losses"])
            first = len(data["runs"][name]["losses"]) - len(curve)
            plot.plot(np.arange(first, first + len(curve)), curve, color=colour, label=name)
        plot.set_ylim(0, 1.05 * highest)
        plot.legend(loc="lower left" if plot is axes[0, 1] else "upper right")
    axes[0, 0].set_ylabel(f"training loss (mean of {SMOOTH} steps)")
    return {"depth": figure}


def tell(data: Data) -> list[Block]:
    """Degradation, and what shortcuts do about it."""
    runs = data["runs"]
    ends = {name: smoothed(run["losses"])[-1] for name, run in runs.items()}
    steps = len(next(iter(runs.values()))["losses"])
    rows = tuple(
        (
            name,
            str(run["layers"]),
            f"{run['parameters']:,}",
            f"{ends[name]:.3f}",
            f"{run['accuracy']:.1%}",
        )
        for name, run in runs.items()
    )
    return [
        Text(
            "More layers can say more: a deeper network could copy a shallower one and let its"
            " additional layers do nothing. In training it goes otherwise. The networks below are"
            " the great families in small, trained on scikit-learn's handwritten digits for"
            f" {steps} steps, all from the same seed, with the same batches and learning rate."
        ),
        Picture("depth", "Training loss; lower is better. All panels share their vertical axis."),
        Text(
            "The middle panel is the finding of He et al.: without shortcuts, 44 layers train"
            f" worse than 8, although they have more weights. After {steps} steps the loss is"
            f" {ends['plain-8']:.2f} with 8 layers, {ends['plain-20']:.2f} with 20 and"
            f" {ends['plain-44']:.2f} with 44, where guessing costs ln 10 = 2.30. It is the"
            " training loss, so this is not overfitting; the network cannot be optimised. With"
            " shortcuts (right) the same layers only have to learn what to add to their input, and"
            f" doing nothing is easy: {ends['ResNet-8']:.2f}, {ends['ResNet-20']:.2f} and"
            f" {ends['ResNet-44']:.2f}."
        ),
        Formula("y = relu(F(x) + x)", "He et al., arXiv:1512.03385, equation 1 and figure 2"),
        Table(("network", "layers", "weights", "training loss", "test accuracy"), rows),
        Text(
            "The table is one seed and a short training: it shows the large effect of the middle"
            " panel, and small differences in it mean nothing. Shortcuts of this kind are around"
            " every attention and every feed-forward part of the transformers that follow."
        ),
    ]


PART = Part("Depth, and why there are shortcuts", compute, draw, tell)
