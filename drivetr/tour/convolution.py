"""Convolution: one small list of weights slides over a signal, and over a picture."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name every PyTorch reader expects

from drivetr.tour.blocks import Block, Formula, Picture, Table, Text
from drivetr.tour.part import Data, Part, Settings, as_data
from drivetr.tour.style import (
    SIGNED,
    faint,
    ink,
    line_colours,
    numbered,
    panels,
    picture,
)

SIGNAL = (1, 4, -1, 0, 2, -2, 1, 3, 3, 1)
KERNEL = (1, 2, 0, -1)
IMAGE = ((0, 0, 5, 5, 5), (0, 0, 5, 5, 5), (0, 0, 5, 5, 5), (0, 5, 5, 5, 5), (5, 5, 5, 5, 5))
FILTER = ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1))  # Sobel's filter: bright right of dark
LAYERS = ((1, 0), (1, 1), (2, 0), (2, 1), (3, 2))  # stride and padding


def compute(settings: Settings) -> Data:
    """The two examples; there is nothing random in them."""
    signal, kernel = torch.tensor(SIGNAL).float(), torch.tensor(KERNEL).float()
    image, weights = torch.tensor(IMAGE).float(), torch.tensor(FILTER).float()
    return as_data(slide(signal, kernel) | slide_over_picture(image, weights))


def slide(signal: Tensor, kernel: Tensor) -> dict[str, Any]:
    """The convolution of a signal, its single products, and its length with stride and padding."""
    windows = signal.unfold(0, len(kernel), 1)
    lengths = [
        {
            "stride": stride,
            "padding": padding,
            "length": F.conv1d(signal[None], kernel[None, None], None, stride, padding).shape[-1],
            "formula": output_size(len(signal), len(kernel), stride, padding),
        }
        for stride, padding in LAYERS
    ]
    return {
        "signal": signal,
        "kernel": kernel,
        "products": windows * kernel,
        "output": F.conv1d(signal[None], kernel[None, None])[0],
        "lengths": lengths,
    }


def slide_over_picture(image: Tensor, weights: Tensor) -> dict[str, Any]:
    """The convolution of a picture (H,W) with a filter (h,w), and the products at each place."""
    rows, columns = weights.shape
    windows = image.unfold(0, rows, 1).unfold(1, columns, 1)
    return {
        "image": image,
        "filter": weights,
        "products2d": windows * weights,
        "output2d": F.conv2d(image[None, None], weights[None, None])[0, 0],
    }


def output_size(size: int, kernel: int, stride: int, padding: int) -> int:
    """How many places a kernel has (Dumoulin and Visin, arXiv:1603.07285, relationship 6)."""
    return (size + 2 * padding - kernel) // stride + 1


def draw(data: Data) -> Mapping[str, Figure]:
    """One row for each place of the kernel; one panel for each place of the filter."""
    return {"convolution-1d": _draw_signal(data), "convolution-2d": _draw_picture(data)}


def _draw_signal(data: Data) -> Figure:
    signal, kernel, output = data["signal"], data["kernel"], data["output"]
    figure, axes = panels(1, 1, 0.42 * (len(output) + 3) + 0.3)
    plot, colours = axes[0, 0], line_colours()
    _cells(plot, 0, 0, signal, ink(), bold=True)
    plot.text(len(signal) + 0.3, 0, "the signal", va="center")
    for place, total in enumerate(output):
        row = place + 1.4
        _cells(plot, row, 0, signal, faint())
        _cells(plot, row, place, kernel, colours[0], boxed=True)
        taken = signal[place : place + len(kernel)]
        terms = " + ".join(f"{_signed(w)}·{_signed(s)}" for w, s in zip(kernel, taken, strict=True))
        at = len(signal) + 0.3
        plot.text(at, row, terms, va="center", fontsize=9, family="DejaVu Sans Mono")
        plot.text(at + 6.6, row, "=", va="center", ha="center")
        plot.text(at + 7.5, row, f"{total:g}", va="center", ha="right", color=colours[1],
                  weight="bold")  # fmt: skip
    plot.set(xlim=(-0.7, len(signal) + 8.2), ylim=(len(output) + 1.1, -0.7))
    plot.axis("off")
    plot.set_title("The kernel (framed) slides over the signal; each place gives one number")
    return figure


def _cells(
    axes: Axes,
    row: float,
    first: int,
    values: list[float],
    colour: str,
    bold: bool = False,
    boxed: bool = False,
) -> None:
    for column, value in enumerate(values, first):
        if boxed:
            place = (column - 0.46, row - 0.42)
            axes.add_patch(Rectangle(place, 0.92, 0.84, fc="none", ec=colour, lw=1.5))
            axes.text(column, row, f"{value:g}", ha="center", va="center", color=colour)
        elif bold:
            axes.text(column, row, f"{value:g}", ha="center", va="center", weight="bold")
        else:
            axes.text(column, row, "·", ha="center", va="center", color=colour)


def _signed(value: float) -> str:
    return f"{value:g}" if value >= 0 else f"({value:g})"


def _draw_picture(data: Data) -> Figure:
    image, weights = np.array(data["image"]), np.array(data["filter"])
    output = np.array(data["output2d"])
    figure, axes = panels(3, 7, 4.9, width_ratios=[0.65] + [1, 0.6] * 3)
    limits = {"cmap": SIGNED, "vmin": -np.abs(output).max(), "vmax": np.abs(output).max()}
    for plot in axes[1:, 0]:
        plot.axis("off")
    most = np.abs(weights).max()
    shown = picture(axes[0, 0], weights, "filter", cmap=SIGNED, vmin=-most, vmax=most)
    numbered(axes[0, 0], weights, shown)
    for place in range(output.size):
        row, column = divmod(place, output.shape[1])
        left, right = axes[row, 2 * column + 1], axes[row, 2 * column + 2]
        shown = picture(left, image, f"step {place + 1}", cmap="gray", vmin=-2, vmax=6)
        numbered(left, image, shown)
        size = weights.shape
        frame = Rectangle((column - 0.5, row - 0.5), size[1], size[0], fill=False, lw=2.5)
        frame.set_edgecolor(line_colours()[1])
        left.add_patch(frame)
        so_far = np.full(output.shape, np.nan)
        so_far.flat[: place + 1] = output.flat[: place + 1]
        numbered(right, so_far, picture(right, so_far, **limits))
    figure.suptitle("A 3x3 filter walks over a 5x5 picture and fills the 3x3 output beside it")
    return figure


def tell(data: Data) -> list[Block]:
    """What a convolution is."""
    words = " ".join(f"{value:g}" for value in data["output"])
    rows = tuple(
        (f"{entry['stride']}", f"{entry['padding']}", f"{entry['formula']}", f"{entry['length']}")
        for entry in data["lengths"]
    )
    return [
        Text(
            "A convolution asks the same question at every place. The question is a short list of"
            " weights, the kernel. It is laid on the signal, each weight is multiplied with the"
            " number under it, and the products are added up; then the kernel moves one step to the"
            " right. Here the signal is"
            f" {' '.join(f'{v:g}' for v in data['signal'])}, the kernel is"
            f" {' '.join(f'{v:g}' for v in data['kernel'])}, and the result is {words}."
        ),
        Formula(
            "y[i] = Σ_k  w[k] · x[i + k]",
            "torch.nn.Conv1d. Signal processing calls this cross-correlation; its convolution"
            " turns the kernel around first. Networks learn the kernel, so either will do.",
        ),
        Picture("convolution-1d", "Every step of the sum, from left to right."),
        Text(
            "In a picture the kernel is a small rectangle and walks along the rows. This one"
            " (Sobel's) subtracts what is left from what is right. It answers with a large number"
            " where dark meets bright, and with zero where nothing changes. The four weights of"
            " the first example, or the nine of this one, are all that has to be learned, however"
            " large the picture is, and an edge is found wherever it stands."
        ),
        Picture("convolution-2d", "The picture (left of each pair) and the output so far (right)."),
        Formula(
            "outputs = floor((inputs + 2 · padding − kernel) / stride) + 1",
            "Dumoulin and Visin, arXiv:1603.07285, relationship 6",
        ),
        Text(
            "Padding adds zeros at both ends; the stride is the length of a step. The formula"
            " against what torch returns for the signal above:"
        ),
        Table(("stride", "padding", "outputs by the formula", "outputs by torch"), rows),
    ]


PART = Part("Convolution: one question, asked everywhere", compute, draw, tell)
