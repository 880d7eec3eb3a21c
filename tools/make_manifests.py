"""Writes drivetr/models/manifests/*.json, the names and shapes of published checkpoints.

Names are those that recordings of the reference implementations list, with as many layers as were
published. Shapes are those of the detector that a config describes, through the layout by which its
weights are loaded; what differs between published sizes stays open and has a name.

    python tools/make_manifests.py RECORDINGS
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from drivetr.engine.build import Builder
from drivetr.engine.config import load_config
from drivetr.engine.zoo import configs_folder
from drivetr.files import atomic_text
from drivetr.models.layouts import Layout
from drivetr.models.manifest import FOLDER
from drivetr.models.petr_layouts import DETR3D_LAYOUT, PETR_LAYOUT, STREAMPETR_LAYOUT

Names = dict[str, list[int]]  # published name to the recorded shape
Shapes = dict[str, list[int | str]]

# Dimensions in which published models differ: pattern of the name, dimension, what it is called.
OPEN = (
    (r"pts_bbox_head\.(?:reference_points|query_embedding)\.weight", 0, "num_queries"),
    (r"pts_bbox_head\.pseudo_reference_points\.weight", 0, "num_propagated"),
    (r"pts_bbox_head\.input_proj\.weight", 1, "in_channels"),
    (r"img_neck\.lateral_convs\.(\d)\.conv\.weight", 1, r"lateral_\1"),
)


@dataclass(frozen=True)
class Part:
    """One file of names and shapes.

    Attributes:
        case: the recording that lists the names.
        config: of a detector that has this part in its published size, within `configs/`.
        layout: by which its weights are loaded.
        grow: from the recorded names to as many layers as were published.
    """

    case: str
    config: str
    layout: Layout
    grow: Callable[[Names], Names]


def as_recorded(names: Names) -> Names:
    """A part that was recorded with all its layers."""
    return names


def with_layers(names: Names, num_layers: int = 6) -> Names:
    """A head with as many decoder layers and branches: each is like the recorded number 0."""
    numbered = re.compile(r"(layers|branches)\.(\d+)\.")
    grown: Names = {}
    for key, shape in names.items():
        found = numbered.search(key)
        if found is None:
            grown[key] = shape
        elif found[2] == "0":
            start, end = key[: found.start(2)], key[found.end(2) :]
            grown |= {f"{start}{number}{end}": shape for number in range(num_layers)}
    return grown


def with_blocks(names: Names, blocks: tuple[int, ...] = (1, 3, 9, 3), layers: int = 5) -> Names:
    """A VoVNet with as many blocks and layers: each is like the recorded first one of its stage."""
    grown = {key: shape for key, shape in names.items() if ".OSA" not in key}
    for stage, count in enumerate(blocks, start=2):
        first = {key: shape for key, shape in names.items() if f".OSA{stage}_1." in key}
        for key, shape in first.items():
            for block in range(1, count + 1):
                moved = key.replace(f"OSA{stage}_1", f"OSA{stage}_{block}")
                if ".layers.0." in key:
                    start, end = moved.split(".layers.0.")
                    numbered = (end.replace("_0/", f"_{i}/") for i in range(layers))
                    grown |= {f"{start}.layers.{i}.{e}": shape for i, e in enumerate(numbered)}
                elif ".layers." not in key:
                    grown[moved] = shape
    return grown


def offsets(names: Names) -> Names:
    """What deformable convolutions add to the last two stages of a ResNet.

    No recording lists them: the names are those of mmcv's ModulatedDeformConv2dPack.
    """
    added: Names = {}
    for key in names:
        if re.search(r"layer[34]\.\d+\.conv2\.weight$", key):
            start = key.removesuffix("weight") + "conv_offset."
            added |= {start + "weight": [0, 0, 0, 0], start + "bias": [0]}
    return added


def of_depth_101(names: Names) -> Names:
    """A ResNet-101: its third stage has 23 blocks, each but the first like the recorded second."""
    block = {key: shape for key, shape in names.items() if ".layer3.1." in key}
    return names | {
        key.replace(".layer3.1.", f".layer3.{number}."): shape
        for key, shape in block.items()
        for number in range(2, 23)
    }


def offsets_of_depth_101(names: Names) -> Names:
    """What deformable convolutions add to the last two stages of a ResNet-101."""
    return offsets(of_depth_101(names))


def focal_head(names: Names) -> Names:
    """The auxiliary head of 2D boxes, which no recording has.

    The names are those of the module tree of exiawsh/StreamPETR, dense_heads/focal_head.py.
    """
    parts = ("shared_cls.0", "shared_reg.0", "cls", "centerness", "ltrb", "center2d")
    kernels = {f"img_roi_head.{part}.weight": [0, 0, 0, 0] for part in parts}
    norms = {f"img_roi_head.shared_{kind}.1.weight": [0] for kind in ("cls", "reg")}
    biases = {key.replace("weight", "bias"): [0] for key in (*kernels, *norms)}
    return {**kernels, **norms, **biases}


def four_laterals(names: Names) -> Names:
    """An FPN of four maps that uses all of them, each like the recorded first one."""
    first = {key: shape for key, shape in names.items() if "lateral_convs.0." in key}
    return names | {key.replace("convs.0", "convs.3"): shape for key, shape in first.items()}


_R50, _R50DCN = "petr/petr_r50_p4_512x1408.py", "petr/petr_r50dcn_p4_512x1408.py"
_STREAM = "streampetr/streampetr_r50_256x704_90e.py"
_DETR3D, _DETR3D_VOV = "detr3d/detr3d_r101dcn_900x1600.py", "detr3d/detr3d_vov_900x1600.py"
_RESNET = "resnet50_caffe_full"

PARTS: dict[str, Part] = {
    "petr": Part("petr_head_tiny", _R50, PETR_LAYOUT, with_layers),
    "petrv2": Part("petrv2_head_tiny", "petrv2/petrv2_vov_p4_320x800.py", PETR_LAYOUT, with_layers),
    "streampetr": Part("streampetr_head_tiny", _STREAM, STREAMPETR_LAYOUT, with_layers),
    "detr3d": Part("detr3d_head_tiny", _DETR3D, DETR3D_LAYOUT, with_layers),
    "focal": Part("streampetr_head_tiny", _STREAM, STREAMPETR_LAYOUT, focal_head),
    "resnet50": Part(_RESNET, _R50, PETR_LAYOUT, as_recorded),
    "resnet50_offsets": Part(_RESNET, _R50DCN, PETR_LAYOUT, offsets),
    "resnet101": Part(_RESNET, _DETR3D, DETR3D_LAYOUT, of_depth_101),
    "resnet101_offsets": Part(_RESNET, _DETR3D, DETR3D_LAYOUT, offsets_of_depth_101),
    "vovnet99": Part("vovnet_tiny", "petr/petr_vov_p4_320x800.py", PETR_LAYOUT, with_blocks),
    "cpfpn": Part("cpfpn_full", _R50, PETR_LAYOUT, as_recorded),
    "fpn": Part("fpn_tiny", _DETR3D, DETR3D_LAYOUT, as_recorded),
    "fpn_four": Part("fpn_tiny", _DETR3D_VOV, DETR3D_LAYOUT, four_laterals),
}


def recorded_names(golden: Path, case: str) -> Names:
    """Published name to shape of a recording."""
    meta = json.loads((golden / f"{case}.json").read_text(encoding="utf-8"))
    names: Names = meta["weights"]["shapes"]
    return names


def shapes_of(part: Part, names: Names, detector: nn.Module) -> Iterator[tuple[str, list[int]]]:
    """Published name to shape in the size of a detector, settings in the recorded size."""
    own = {key: list(tensor.shape) for key, tensor in detector.state_dict().items()}
    for key, recorded in names.items():
        translated = part.layout.translate({key: torch.zeros(recorded)})
        shape = next((own[name] for name in translated), recorded)
        yield key, shape[: len(recorded)]  # a kernel of one cell is a matrix in some layouts


def opened(key: str, shape: list[int]) -> list[int | str]:
    """The shape with names for the dimensions in which published models differ."""
    result: list[int | str] = [*shape]
    for pattern, dimension, name in OPEN:
        found = re.fullmatch(pattern, key)
        if found:
            result[dimension] = found.expand(name)
    return result


def make(part: Part, golden: Path) -> Shapes:
    """The content of one file."""
    config = load_config(configs_folder() / part.config)
    with torch.device("meta"):
        detector = Builder(config.file).build(config.model, "model")
    names = part.grow(recorded_names(golden, part.case))
    return {key: opened(key, shape) for key, shape in sorted(shapes_of(part, names, detector))}


def write(name: str, shapes: Shapes) -> None:
    """One line a name."""
    lines = [f" {json.dumps(key)}: {json.dumps(shape)}" for key, shape in shapes.items()]
    with atomic_text(FOLDER / f"{name}.json") as file:
        file.write("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    for name, part in PARTS.items():
        write(name, make(part, Path(sys.argv[1])))
