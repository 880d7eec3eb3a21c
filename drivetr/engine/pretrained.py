"""Pretrained weights for one part of a model, such as its backbone, out of those of another."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from drivetr.engine.sources import Source
from drivetr.errors import DrivetrError
from drivetr.models.eva02_layouts import EVA02
from drivetr.models.layouts import Layout, layout_of, signed
from drivetr.models.published import FAMILIES
from drivetr.models.resnet_layouts import HUGGING_FACE
from drivetr.models.vovnet_layouts import VOVNET
from drivetr.nn.weights import KeyMap, LoadReport, load_weights

_LAYOUTS: Sequence[Layout] = [
    *(layout for family in FAMILIES.values() for layout in family.layouts),
    HUGGING_FACE,
    VOVNET,
    EVA02,
]


def load_part(module: nn.Module, source: Source, allow_other_outputs: bool = False) -> LoadReport:
    """Loads into a module the part of a source that has its names.

    The part is what lies under one prefix: nothing for a trunk's own file, `backbone.` in DETR,
    `trunk.` in a ViT classifier, `vision.` in CLIP, `detector.backbone.` in a checkpoint. Within
    it loading is strict, but for what the module itself leaves out (`torchvision_key`) or can do
    without (`may_start_fresh`), and on request but for heads of other classes (`load_weights`).

    Returns:
        what became of every key.

    Raises:
        MisfitError: the part does not fit in every key and shape.
        DrivetrError: no part of the source, or more than one, is like the module.
    """
    weights: Mapping[str, Tensor] = source.weights
    left_out: dict[str, str] = {}
    if signed(weights, _LAYOUTS):
        layout = layout_of(weights, _LAYOUTS, source.path)
        weights, left_out = layout.translate(weights), layout.dropped(weights)
    prefix = _prefix_of_part(list(weights), module)
    left_out |= {
        key: f"not under {prefix!r}, where the {type(module).__name__} is"
        for key in weights
        if not key.startswith(prefix)
    }
    part = {k.removeprefix(prefix): t for k, t in weights.items() if k.startswith(prefix)}
    # Trunks know which parts of a published classifier they leave out.
    key_map: KeyMap | None = getattr(module, "torchvision_key", None)
    fresh: tuple[str, ...] = getattr(module, "may_start_fresh", ())
    return load_weights(module, part, key_map, fresh, left_out, allow_other_outputs)


def _prefix_of_part(names: Sequence[str], module: nn.Module) -> str:
    """What stands before the module's names in a file: the prefix that most of them fit."""
    own = module.state_dict()
    first = next(iter(own))
    prefixes = {
        name.removesuffix(first) for name in names if name == first or name.endswith(f".{first}")
    }
    if not prefixes:
        raise DrivetrError(
            f"holds no {type(module).__name__}: no name ends in {first!r}, the first one is"
            f" {names[0]!r}"
        )
    fits = {
        p: sum(name.startswith(p) and name[len(p) :] in own for name in names) for p in prefixes
    }
    best = [p for p in sorted(prefixes) if fits[p] == max(fits.values())]
    if len(best) > 1:
        raise DrivetrError(
            f"holds more than one {type(module).__name__}, under {' and '.join(map(repr, best))};"
            " give a file with one"
        )
    return best[0]
