"""What each decoder layer of a DETR finds, with and without non-maximum suppression."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from matplotlib.figure import Figure

from drivetr.data.shapes.write import VERSION
from drivetr.engine.api import LoadedDetector
from drivetr.engine.layers import NMS_IOU, score_layers
from drivetr.tour.blocks import Block, Picture, Table, Text
from drivetr.tour.part import Data, Part, Settings, as_data
from drivetr.tour.shapes import HELD_OUT, VAL, shapes_folder, trained_detr
from drivetr.tour.style import graph, panels


def compute(settings: Settings) -> Data:
    """Scores every layer on the held-out pictures."""
    dataset = (str(shapes_folder(settings)), VERSION, VAL)
    return as_data({**score(trained_detr(settings), dataset), "pictures": HELD_OUT})


def score(loaded: LoadedDetector, dataset: tuple[str, str, str]) -> dict[str, Any]:
    """The scores of every layer on a split (dataroot, version, split)."""
    rows = score_layers(loaded, dataset, NMS_IOU)
    return {"rows": [asdict(row) for row in rows], "iou": NMS_IOU}


def draw(data: Data) -> Mapping[str, Figure]:
    """AP and AP50 against the layer."""
    figure, axes = panels(1, 2, 3.9)
    layers = [row["layer"] for row in data["rows"]]
    for plot, name, title in (
        (axes[0, 0], "AP", "AP, over IoU 0.5 to 0.95"),
        (axes[0, 1], "AP50", "AP at IoU 0.5"),
    ):
        graph(plot, title, "decoder layer", "average precision")
        plot.plot(layers, [row[name] for row in data["rows"]], "o-", label="as it is")
        plot.plot(layers, [row[f"{name}_nms"] for row in data["rows"]], "s--", label="with NMS")
        plot.set(xticks=layers, ylim=(0, 1))
        plot.legend(loc="upper left")
    return {"layers": figure}


def tell(data: Data) -> list[Block]:
    """Why DETR needs no NMS at the end."""
    names = ("AP", "AP_nms", "AP50", "AP50_nms")
    table = tuple(
        (str(row["layer"]), *(f"{row[name]:.3f}" for name in names)) for row in data["rows"]
    )
    gains = [row["AP_nms"] - row["AP"] for row in data["rows"]]
    return [
        Text(
            "Older detectors give many boxes for one object, and remove all but the best of those"
            f" that overlap by more than {data['iou']:g} (non-maximum suppression, NMS). DETR has"
            " no such step. Its training shares one head among all decoder layers, so every layer"
            " can be asked for its boxes, and tested with NMS and without. The DETR is that of the"
            " part above; alone, this part trains it first."
        ),
        Picture(
            "layers",
            f"Scores of the same DETR on {data['pictures']} held-out pictures, read out after each"
            " decoder layer.",
        ),
        Table(("decoder layer", "AP", "AP with NMS", "AP50", "AP50 with NMS"), table),
        Text(
            "After the first layer two queries may answer for one object, since they have not"
            " looked at each other after having looked at the image; later layers let them agree."
            " In the paper NMS helps the first layer, and takes away a little from the last"
            " (Carion et al., arXiv:2005.12872, figure 4). Here it changes the AP of the first"
            f" layer by {gains[0]:+.3f} and that of the last by {gains[-1]:+.3f}; a gain in the"
            " last means that this short training has not taught the queries all of that"
            " agreement yet."
        ),
    ]


PART = Part("DETR, layer by layer, with and without NMS", compute, draw, tell)
