"""What a small convolutional network has learned: its filters, and what they answer to a digit."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from drivetr.models.lenet import LeNet5
from drivetr.tour.blocks import Block, Formula, Picture, Text
from drivetr.tour.digits import accuracy, load_digits, train_classifier
from drivetr.tour.part import Data, Part, Settings, as_data
from drivetr.tour.style import AMOUNT, SIGNED, panels, picture

STEPS, LR = 500, 3e-3
SHOWN = 0  # place of the shown image among those of the test


def compute(settings: Settings) -> Data:
    """Trains LeNet-5 and shows it one image that it has not seen."""
    learned_from, tested_with = load_digits("train"), load_digits("test")
    model, losses = train_classifier(
        LeNet5, learned_from, settings.steps(STEPS), LR, settings.seed, "LeNet-5"
    )
    found = look(model, tested_with[0][SHOWN])
    score = {"accuracy": accuracy(model, tested_with), "tested": len(tested_with[1])}
    return as_data({**found, **score, "steps": len(losses), "label": tested_with[1][SHOWN]})


@torch.no_grad()
def look(model: LeNet5, image: Tensor) -> dict[str, Any]:
    """Filters of the first layer, maps of both convolutions, and the scores of the classes.

    The three channels of a digit are equal, so a filter acts as the sum of its three slices.
    """
    first = model.squash(model.c1(image[None]))
    second = model.squash(model.c3(model.subsample(first)))
    return {
        "image": image[0],
        "filters": model.c1.weight.sum(1),
        "first": first[0],
        "second": second[0],
        "scores": model(image[None])[0].softmax(-1),
    }


def draw(data: Data) -> Mapping[str, Figure]:
    """The filters beside what they answer, and the maps of the second layer."""
    filters, first = np.array(data["filters"]), np.array(data["first"])
    figure, axes = panels(2, 7, 3.4)
    limit = np.abs(filters).max()
    picture(axes[0, 0], data["image"], f"input: a {data['label']}", cmap="gray")
    axes[1, 0].bar(range(10), data["scores"])
    axes[1, 0].set(title="answer", ylim=(0, 1), yticks=(0, 1), xticks=range(0, 10, 2))
    for number in range(6):
        plot = axes[0, number + 1]
        filter_colours = picture(plot, filters[number], f"filter {number + 1}", cmap=SIGNED,
                                 vmin=-limit, vmax=limit)  # fmt: skip
        answers = picture(axes[1, number + 1], first[number], cmap=AMOUNT, vmin=-1, vmax=1)
    figure.colorbar(filter_colours, ax=axes[0, :].tolist(), label="weight")
    figure.colorbar(answers, ax=axes[1, :].tolist(), label="answer")
    second = np.array(data["second"])
    deeper, places = panels(2, 8, 2.6)
    for plot, answer in zip(places.flat, second, strict=True):
        shown = picture(plot, answer, cmap=AMOUNT, vmin=-1, vmax=1)
    deeper.colorbar(shown, ax=places.ravel().tolist(), label="answer")
    deeper.suptitle("The sixteen maps of the second convolution")
    return {"filters": figure, "filters-deeper": deeper}


def tell(data: Data) -> list[Block]:
    """What to see in filters."""
    best = int(np.argmax(data["scores"]))
    return [
        Text(
            "Nobody writes the weights of a kernel down; they are learned. LeNet-5 was among the"
            " first networks of this kind in wide use. It lets six filters of 5x5 weights walk over"
            " the image, halves the resulting maps, lets sixteen filters walk over these, and reads"
            " the rest with fully connected layers. Here it has learned scikit-learn's handwritten"
            f" digits for {data['steps']} steps, and gives {data['accuracy']:.1%} of"
            f" {data['tested']} other digits their right name."
        ),
        Formula(
            "map_o = tanh(b_o + Σ_c  w_oc ⋆ x_c)",
            "LeCun et al., Proc. IEEE 86, 1998, section II; ⋆ is the sliding sum of the part above",
        ),
        Picture(
            "filters",
            "Above, the input and the six learned filters (red adds, blue subtracts). Below, what"
            " each answers at every place, and the network's answer:"
            f" {best}, with {data['scores'][best]:.0%}.",
        ),
        Text(
            "Filters that are red on one side and blue on the other answer to strokes of one"
            " direction and to their edges. Each map still looks like the digit, since every answer"
            " stands where its question was asked. The next layer combines the six maps; its"
            " answers are coarser and harder to put into words."
        ),
        Picture("filters-deeper", "Each of these looks at all six maps of the first layer."),
    ]


PART = Part("Filters that learned to look", compute, draw, tell, foreign=True)
