"""How figures of the tour look: two themes, colours that everybody can tell apart, sizes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

WIDTH = 9.0  # inches; at DPI dots an inch a figure is as wide as the page's column
DPI = 110
AMOUNT = "viridis"  # for what is never negative
SIGNED = "RdBu_r"  # for what has a sign; grey or white is zero


@dataclass(frozen=True)
class Theme:
    """Colours of paper and ink, and those of lines (Okabe and Ito's set, dark ones lightened)."""

    name: str
    paper: str
    ink: str
    faint: str
    lines: tuple[str, ...]


LIGHT = Theme(
    "light", "#ffffff", "#1b1f26", "#d4d9e1",
    ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5a5a5a"),
)  # fmt: skip
DARK = Theme(
    "dark", "#15181e", "#e8ebf0", "#3a414d",
    ("#56b4e9", "#f08a3c", "#2fc79b", "#e3a1c6", "#f0c24b", "#8fa8ff", "#b4bac4"),
)  # fmt: skip
THEMES = (LIGHT, DARK)


@contextmanager
def using(theme: Theme) -> Iterator[None]:
    """Figures that are made and saved within the block wear the theme."""
    look: Any = {
        "figure.facecolor": theme.paper,
        "axes.facecolor": theme.paper,
        "savefig.facecolor": theme.paper,
        "figure.dpi": DPI,
        "font.family": "DejaVu Sans",
        "font.size": 10.5,
        "axes.titlesize": 11,
        "figure.titlesize": 12,
        "axes.edgecolor": theme.faint,
        "axes.labelcolor": theme.ink,
        "text.color": theme.ink,
        "xtick.color": theme.ink,
        "ytick.color": theme.ink,
        "xtick.labelsize": 9.5,
        "ytick.labelsize": 9.5,
        "grid.color": theme.faint,
        "grid.linewidth": 0.7,
        "lines.linewidth": 1.9,
        "legend.frameon": False,
        "legend.fontsize": 9.5,
        "axes.prop_cycle": cycler(color=theme.lines),
        "image.cmap": AMOUNT,
        "image.interpolation": "nearest",
    }
    with matplotlib.rc_context(look):
        yield


def ink() -> str:
    """The theme's colour of text."""
    return str(matplotlib.rcParams["text.color"])


def faint() -> str:
    """The theme's colour of frames and grids."""
    return str(matplotlib.rcParams["axes.edgecolor"])


def line_colours() -> list[str]:
    """The theme's colours of lines."""
    return [str(colour) for colour in matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]]


def panels(
    rows: int, columns: int, height: float, width: float = WIDTH, **gridspec: Any
) -> tuple[Figure, Any]:
    """An empty figure and its axes as an array (rows, columns)."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, gridspec_kw=gridspec or None)
    return figure, axes


def graph(axes: Axes, title: str, x: str, y: str) -> None:
    """Title, names of the axes with units, and a grid."""
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(True)
    axes.set_axisbelow(True)


def picture(axes: Axes, image: ArrayLike, title: str = "", **options: Any) -> Any:
    """Shows a picture or a matrix without ticks; returns what a colour bar needs."""
    shown = axes.imshow(np.asarray(image), **options)
    axes.set_xticks([])
    axes.set_yticks([])
    if title:
        axes.set_title(title)
    return shown


def matrix(
    axes: Axes,
    values: ArrayLike,
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    **options: Any,
) -> Any:
    """Shows a matrix whose rows and columns have names."""
    shown = picture(axes, values, title, **options)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0)
    return shown


def numbered(axes: Axes, values: ArrayLike, colours: Any, spelled: str = "{:g}") -> None:
    """Writes every number of a matrix that is shown as `colours` into its cell."""
    scale, colourmap = colours.norm, colours.get_cmap()
    for (row, column), value in np.ndenumerate(np.asarray(values, dtype=float)):
        if np.isfinite(value):
            axes.text(
                column, row, spelled.format(value), ha="center", va="center",
                fontsize=9, color=readable_on(colourmap, float(scale(value))),
            )  # fmt: skip


def readable_on(colourmap: Colormap, share: float) -> str:
    """Black or white, whichever reads better on a colour (weights of Rec. 709)."""
    red, green, blue, _ = colourmap(share)
    return "black" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.45 else "white"
