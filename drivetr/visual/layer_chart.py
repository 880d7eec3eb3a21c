"""A chart of scores by decoder layer."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from drivetr.files import atomic_path


def write_layer_chart(path: Path, series: Mapping[str, Sequence[float]]) -> None:
    """Writes lines over the layers 1, 2, ... as a PNG file.

    Args:
        path: of the picture.
        series: name to one score (0..1) a layer; a name that ends in "with NMS" is drawn dashed in
            the colour of the line before it.
    """
    figure = Figure(figsize=(6.4, 4.2), dpi=130, layout="constrained")
    axes = figure.subplots()
    colour = 0
    for name, scores in series.items():
        dashed = name.endswith("with NMS")
        colour += not dashed
        axes.plot(
            range(1, len(scores) + 1), scores, "s--" if dashed else "o-", label=name,
            color=f"C{colour - 1}", alpha=0.65 if dashed else 1.0,
        )  # fmt: skip
    axes.set_xlabel("decoder layer")
    axes.set_ylabel("average precision")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")
