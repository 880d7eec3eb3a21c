"""One object query of a small PETR looks at six cameras at once."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from drivetr.data.captions import spoken
from drivetr.geometry.boxes import CENTER, box_corners
from drivetr.geometry.camera import project_points
from drivetr.geometry.rigid import transform_points
from drivetr.models.petr import PETR
from drivetr.nn.attention_maps import recorded_attention
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.structures.frame import Frame, collate_frames
from drivetr.tour.blocks import Block, Formula, Picture, Text
from drivetr.tour.frustum import RING
from drivetr.tour.part import Data, Part, Settings, as_data
from drivetr.tour.pictures import picture_from, picture_text
from drivetr.tour.small_petr import STEPS, trained_petr
from drivetr.tour.style import faint, graph, ink, line_colours, panels, picture
from drivetr.tour.world import VAL, VERSION, world_folder
from drivetr.visual.attention_sheet import heat_map
from drivetr.visual.page import camera_title

DOTS = 150  # tokens with most attention that are shown from above


def compute(settings: Settings) -> Data:
    """Asks the surest query of a held-out frame."""
    loaded = trained_petr(settings)
    dataset = loaded.dataset(str(world_folder(settings)), VERSION, VAL)
    found = look(loaded.detector, dataset[0])  # type: ignore[arg-type]
    trained = settings.steps(STEPS) if settings.petr is None else None
    return as_data({**found, "steps": trained}, digits=4)


@torch.no_grad()
def look(model: PETR, frame: Frame) -> dict[str, Any]:
    """Where the surest query of a frame looks, camera by camera and from above.

    All places are in the frame of the car: x forward, y to the left.
    """
    height, width = frame.images.shape[-2:]
    order = [frame.camera_names.index(name) for name in RING]
    last = f"layers.{len(model.decoder) - 1}.cross_attention"
    with recorded_attention(model.decoder, [last]) as maps:
        outputs, _ = model(*collate_frames([frame]).inputs)
    scores = outputs["pred_logits"][0].sigmoid().amax(-1)
    query = int(scores.argmax())
    stride = _stride(model)
    seen = maps[last][0][0, :, query].mean(0)
    weights = seen.unflatten(0, (len(frame.camera_names), height // stride, width // stride))
    box = outputs["pred_boxes"][0, query]
    cameras = frame.cameras
    uv, depth = project_points(cameras.img_from_lidar, box[None, None, CENTER].double())
    inside = (depth > 0) & (uv >= 0).all(-1) & (uv < uv.new_tensor([width, height])).all(-1)
    targets = frame.targets
    return {
        "cameras": RING,
        "pictures": [picture_text(frame.images[number]) for number in order],
        "weights": weights[order],
        "shares": weights.sum((-2, -1))[order],
        "stride": stride,
        "centre_uv": [uv[i, 0].tolist() if inside[i, 0] else None for i in order],
        "score": scores[query],
        "name": spoken(DETECTION_CLASSES[int(outputs["pred_logits"][0, query].argmax())]),
        "start": _in_ego(frame, outputs["anchors"][0, query][None])[0],
        "box": _footprints(frame, box[None])[0],
        "truth": [] if targets is None else _footprints(frame, targets.boxes),
        "attended": _attended(frame, outputs, weights),
    }


def _stride(model: PETR) -> int:
    strides: Any = model.backbone.strides
    return int(strides[0])


def _in_ego(frame: Frame, points: Tensor) -> Tensor:
    """Points (P,3) of the reference frame in the frame of the car."""
    return transform_points(frame.ego_from_lidar, points.double())


def _footprints(frame: Frame, boxes: Tensor) -> Tensor:
    """Corners (G,4,2) of boxes on the ground, in the frame of the car."""
    bottom = box_corners(boxes)[:, :4].flatten(0, 1)
    return _in_ego(frame, bottom).unflatten(0, (len(boxes), 4))[..., :2]


def _attended(frame: Frame, outputs: dict[str, Any], weights: Tensor) -> list[list[float]]:
    """Places of the tokens with most attention, and their weights; none without a depth head."""
    if "tokens" not in outputs:
        return []
    points = outputs["tokens"]["points"][0].flatten(0, 2)  # N*H*W 3
    most = weights.flatten().topk(min(DOTS, weights.numel()))
    places = _in_ego(frame, points[most.indices])[:, :2]
    found: list[list[float]] = torch.cat([places, most.values[:, None].double()], dim=1).tolist()
    return found


def draw(data: Data) -> Mapping[str, Figure]:
    """The cameras with the attention over them, and the view from above."""
    return {"petr-cameras": _draw_cameras(data), "petr-above": _draw_above(data)}


def _draw_cameras(data: Data) -> Figure:
    figure, axes = panels(2, 3, 3.0)
    weights = np.array(data["weights"], dtype=np.float32)
    most = weights.max()
    for number, plot in enumerate(axes.flat):
        image = picture_from(data["pictures"][number])
        share = data["shares"][number]
        title = f"{camera_title(data['cameras'][number])}: {share:.0%}"
        height, width = image.shape[:2]
        extent = (0, width, height, 0)
        picture(plot, image.mean(-1), title, cmap="gray", extent=extent, vmin=0, vmax=255)
        heat = heat_map(weights[number], (data["stride"], data["stride"]), (height, width))
        heat = heat * (weights[number].max() / most)  # one scale for all cameras
        plot.imshow(heat, cmap="inferno", alpha=0.15 + 0.75 * heat, extent=extent)
        if data["centre_uv"][number] is not None:
            plot.plot(*data["centre_uv"][number], "o", ms=10, mfc="none", mew=2, color="#56b4e9")
    figure.suptitle("Where the query looks; after the camera's name, its share of the attention")
    return figure


def _draw_above(data: Data) -> Figure:
    figure, axes = panels(1, 1, 5.4)
    plot, colours = axes[0, 0], line_colours()
    graph(plot, "The same attention from above", "left  ←  metres", "metres  →  ahead")
    for number, corners in enumerate(data["truth"]):
        _outline(plot, corners, faint(), "objects (truth)" if number == 0 else None, fill=True)
    if data["attended"]:
        x, y, weight = np.array(data["attended"]).T
        plot.scatter(y, x, s=400 * weight / weight.max(), color=colours[4], alpha=0.6, lw=0,
                     label="tokens, as large as their weight")  # fmt: skip
    _outline(plot, data["box"], colours[0], f"answer: {data['name']}, score {data['score']:.2f}")
    plot.plot(data["start"][1], data["start"][0], "*", ms=13, color=colours[1],
              label="where the query began")  # fmt: skip
    plot.plot(0, 0, "^", ms=10, color=ink(), label="the car")
    plot.set(xlim=(18, -18), ylim=(-18, 18), aspect="equal")
    plot.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))
    return figure


def _outline(
    axes: Axes, corners: list[list[float]], colour: str, label: str | None, fill: bool = False
) -> None:
    x, y = np.array([*corners, corners[0]]).T
    axes.plot(y, x, color=colour, label=label)
    if fill:
        axes.fill(y, x, color=colour, alpha=0.5, lw=0)


def tell(data: Data) -> list[Block]:
    """One query, six cameras."""
    trained = (
        f"This one was trained for {data['steps']} steps on a few dozen rendered scenes, where the"
        " demo takes 2,800 steps on 760: it has barely begun, and its boxes are poor"
        if data["steps"]
        else "This one was loaded from the checkpoint that was named"
    )
    shares = sorted(zip(data["shares"], data["cameras"], strict=True), reverse=True)
    share, first = shares[0]
    return [
        Text(
            "All cells of all cameras lie in one long row of tokens, and each has a place in the"
            " world. So one query can look at six cameras at once, and an object that is cut in two"
            " by the edge of an image is one object again. The detector here is drivetr's"
            " point-aware variant of PETR: a small head guesses a depth for each token, which makes"
            " one point of it, and attention compares the points of tokens with that of the query."
        ),
        Formula(
            "weight ~ exp( q · k / √d − |x_query − x_token|² / (2 σ²) )",
            "Gaussian kernel of a learned width for each head, drivetr/nn/kernel.py; after"
            " arXiv:2101.07448 (SMCA)",
        ),
        Text(
            f"{trained}. The figure shows its surest query in a held-out frame ({data['name']},"
            f" score {data['score']:.2f}), in the last layer, mean of the heads. It takes"
            f" {share:.0%} of what it sees from the camera {camera_title(first)}."
        ),
        Picture(
            "petr-cameras",
            "Ring: the middle of the query's box. All cameras share one scale of brightness.",
        ),
        Picture(
            "petr-above",
            f"The {len(data['attended'])} tokens with most attention, at the points that the depth"
            " head gave them.",
        ),
    ]


PART = Part("Many cameras: one query looks around", compute, draw, tell)
