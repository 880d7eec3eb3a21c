"""DETR: which query answers for which object, and where encoder and decoder look."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor
from torchvision.ops import box_convert

from drivetr.data.shapes.write import VERSION
from drivetr.models.detr import DETR
from drivetr.models.detr_attention import detr_attention
from drivetr.models.detr_criterion import ImageBoxMatcher
from drivetr.structures.images import ImageSample
from drivetr.tour.blocks import Block, Formula, Picture, Text
from drivetr.tour.part import Data, Part, Settings, as_data
from drivetr.tour.pictures import picture_from, picture_text
from drivetr.tour.shapes import VAL, shapes_folder, trained_detr
from drivetr.tour.style import line_colours, matrix, numbered, panels, picture
from drivetr.visual.attention_sheet import heat_map

SEARCHED = 30  # held-out pictures among which the one with most shapes is shown
SHOWN = 3  # points and queries whose attention is drawn


def compute(settings: Settings) -> Data:
    """Matches and looks at one held-out picture."""
    loaded = trained_detr(settings)
    plain, _ = loaded.open(str(shapes_folder(settings)), VERSION, VAL)
    samples = [plain[index] for index in range(SEARCHED)]
    sample = max(samples, key=lambda each: len(each.targets or ()))
    plain.transforms = ()  # the same picture as it lies on disk
    image = plain[samples.index(sample)].image
    found = look(loaded.detector, sample)  # type: ignore[arg-type]
    return as_data({**found, "picture": picture_text(image), "classes": loaded.classes}, digits=4)


@torch.no_grad()
def look(model: DETR, sample: ImageSample) -> dict[str, Any]:
    """Costs, assignment and attention of one normalised image with its truth."""
    targets = sample.targets
    if targets is None:
        raise ValueError("matching needs the truth")
    seen = detr_attention(model, sample.image, encoder_layer=-1, decoder_layer=-1)
    if seen.encoder is None or seen.decoder is None:
        raise ValueError("both layers were asked for")
    logits, boxes = seen.outputs["pred_logits"][0], seen.outputs["pred_boxes"][0]
    matcher = ImageBoxMatcher()
    queries, objects = matcher(logits, boxes, targets)
    queries = queries[objects.argsort()]  # of the objects, in their order
    height, width = sample.image.shape[1:]
    scale = torch.tensor([width, height, width, height])
    encoder = seen.encoder.mean(0)  # h w h w
    decoder = seen.decoder.mean(0)[queries]
    cells = (targets.boxes[:, [1, 0]] * torch.tensor([height, width]) // seen.stride).long()
    from_middle = torch.stack([encoder[row, column] for row, column in cells])
    corners = box_convert(targets.boxes, "cxcywh", "xyxy") * scale
    return {
        "labels": targets.labels,
        "truth": corners,
        "found": box_convert(boxes, "cxcywh", "xyxy") * scale,
        "probabilities": logits.softmax(-1),
        "cost": matcher.cost(logits, boxes, targets),
        "queries": queries,
        "stride": seen.stride,
        "encoder": from_middle,
        "decoder": decoder,
        "area": targets.boxes[:, 2] * targets.boxes[:, 3],
        "encoder_share": share_inside(from_middle, corners / seen.stride),
        "decoder_share": share_inside(decoder, corners / seen.stride),
    }


def share_inside(weights: Tensor, corners: Tensor) -> Tensor:
    """How much of each map (G,h,w) falls into its box (G,4), whose corners are in cells."""
    height, width = weights.shape[-2:]
    y, x = torch.arange(height) + 0.5, torch.arange(width) + 0.5
    left, top, right, bottom = corners[:, :, None].unbind(1)
    rows, columns = (y > top) & (y < bottom), (x > left) & (x < right)  # G h, G w
    return (weights * rows[:, :, None] * columns[:, None]).sum((-2, -1))


def draw(data: Data) -> Mapping[str, Figure]:
    """The matching; the encoder from the middles of objects; the decoder from their queries."""
    return {
        "detr-matching": _draw_matching(data),
        "detr-encoder": _draw_attention(data, "encoder"),
        "detr-decoder": _draw_attention(data, "decoder"),
    }


def _draw_matching(data: Data) -> Figure:
    figure, axes = panels(1, 2, 5.0, width_ratios=[1, 1.15])
    plot = axes[0, 0]
    picture(plot, picture_from(data["picture"]), "truth (white) and matched queries (colour)",
            extent=_extent(data))  # fmt: skip
    colours = line_colours()
    names = _objects(data)
    for number, (truth, query) in enumerate(zip(data["truth"], data["queries"], strict=True)):
        colour = colours[number % len(colours)]
        _box(plot, truth, "white", "-")
        _box(plot, data["found"][query], colour, "--")
        above = truth[1] > 8  # pixels, else the title is in the way
        at = truth[1] - 1 if above else truth[3] + 1
        plot.text(truth[0], at, f"{names[number]}: query {query}", fontsize=9,
                  color="white", va="bottom" if above else "top")  # fmt: skip
    cost = np.array(data["cost"])
    titles = [f"{data['classes'][label]} {name}" for label, name in zip(data["labels"], names,
              strict=True)]  # fmt: skip
    plot = axes[0, 1]
    queries = [f"query {number}" for number in range(len(cost))]
    title = "cost of every pair; framed: the assignment"
    shown = matrix(plot, cost, queries, titles, title, cmap="cividis", aspect="auto")
    numbered(plot, cost, shown, "{:.1f}")
    for label in plot.get_xticklabels():
        label.set(rotation=35, ha="right", rotation_mode="anchor")
    for column, row in enumerate(data["queries"]):
        frame = Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, fill=False, lw=2.6)
        frame.set_edgecolor("#d55e00")
        plot.add_patch(frame)
    return figure


def _draw_attention(data: Data, part: str) -> Figure:
    image = picture_from(data["picture"])
    grey = image.mean(-1)
    chosen = list(range(min(SHOWN, len(data["truth"]))))
    figure, axes = panels(1, len(chosen) + 1, 2.9)
    picture(axes[0, 0], image, "picture", extent=_extent(data))
    colours, names = line_colours(), _objects(data)
    for plot, number in zip(axes[0, 1:], chosen, strict=True):
        weights = np.array(data[part][number], dtype=np.float32)
        heat = heat_map(weights, (data["stride"], data["stride"]), grey.shape)
        query, truth = data["queries"][number], data["truth"][number]
        title = f"from the middle of {names[number]}" if part == "encoder" else f"query {query}"
        picture(plot, grey, title, cmap="gray", extent=_extent(data), vmin=0, vmax=255)
        plot.imshow(heat, cmap="inferno", alpha=0.25 + 0.65 * heat, extent=_extent(data))
        if part == "encoder":
            middle = ((truth[0] + truth[2]) / 2, (truth[1] + truth[3]) / 2)
            for target in (axes[0, 0], plot):
                target.plot(*middle, "o", ms=9, mfc="none", mew=2.5, mec=colours[number])
        else:
            for target in (axes[0, 0], plot):
                _box(target, data["found"][query], colours[number], "-")
    return figure


def _box(axes: Axes, corners: list[float], colour: str, style: str) -> None:
    left, top, right, bottom = corners
    frame = Rectangle((left, top), right - left, bottom - top, fill=False, ls=style, lw=1.8)
    frame.set_edgecolor(colour)
    axes.add_patch(frame)


def _extent(data: Data) -> tuple[float, float, float, float]:
    """Edges of the picture, so that 0 is its border and not the middle of a pixel."""
    height, width = picture_from(data["picture"]).shape[:2]
    return 0, width, height, 0


def _objects(data: Data) -> list[str]:
    return [chr(ord("A") + number) for number in range(len(data["truth"]))]


def tell(data: Data) -> list[Block]:
    """Set prediction."""
    count, objects = len(data["cost"]), len(data["truth"])
    none = [
        row[-1] for query, row in enumerate(data["probabilities"]) if query not in data["queries"]
    ]
    return [
        Text(
            f"DETR answers with a set. A small network makes a feature map of the picture, an"
            f" encoder lets its cells look at each other, and {count} queries, which are learned,"
            " look at the result in a decoder and answer with a class and a box each. In training"
            " each object must have exactly one query that answers for it. Which one, the cheapest"
            f" assignment decides: all {count}x{objects} pairs have a cost, and the Hungarian"
            " algorithm picks one query for each object so that the sum is least. All queries"
            " that are left over are to say that there is nothing."
        ),
        Formula(
            "cost = −p(class) + 5 · L1(boxes) − 2 · GIoU(boxes)",
            "Carion et al., arXiv:2005.12872, sections 3.1 and A.4",
        ),
        Picture(
            "detr-matching",
            "Left: a picture that the network did not learn from. Right: the cost matrix of its"
            " forward pass.",
        ),
        Text(
            f"The {count - objects} queries without an object say 'nothing' with a probability of"
            f" {np.mean(none):.2f} on average."
            if none
            else "Every query has an object here."
        ),
        Text(
            "The encoder. From the middle of an object (ring) the last layer's attention goes to"
            " the bright places. In the paper's encoder, which learned for days, cells of one"
            " object look at that object, so that objects are told apart before the decoder sees"
            " them."
            f" Here the objects themselves, which cover {_percent(data['area'])} of the picture,"
            f" get {_percent(data['encoder_share'])} of it."
        ),
        Picture("detr-encoder", "Encoder attention from three points, mean of the heads."),
        Text(
            "The decoder. A query looks at what helps to tell its box: in the paper mostly at the"
            " outermost parts of an object, such as feet and noses. These three put"
            f" {_percent(data['decoder_share'])} of their attention into the boxes of their"
            " objects."
        ),
        Picture("detr-decoder", "Decoder attention of the queries matched with A, B and C."),
    ]


def _percent(shares: list[float]) -> str:
    *others, last = (f"{share:.0%}" for share in shares[:SHOWN])
    return f"{', '.join(others)} and {last}" if others else last


PART = Part("DETR: objects as a set", compute, draw, tell)
