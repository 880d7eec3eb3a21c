"""Checkpoint files as the authors of PETR's family write them, of detectors of any size."""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from drivetr.models.layouts import Layout
from drivetr.models.manifest import read_manifest
from drivetr.models.multi_view import MultiViewDetector
from drivetr.models.petr_layouts import HEAD
from drivetr.nn.frustum_position import FrustumPositionEncoding
from tests.models.inverse import published
from tests.parity.golden_case import drawn_weight

OPEN = ("num_queries", "num_propagated", "in_channels", *(f"lateral_{i}" for i in range(4)))
ANY = dict.fromkeys(OPEN, 1)


def draw(detector: nn.Module) -> nn.Module:
    """Gives every weight numbers that follow from its name; parameters that are shared stay so."""
    with torch.no_grad():
        for key, tensor in detector.state_dict().items():
            tensor.copy_(drawn_weight(key, list(tensor.shape), 1.0))
    return detector.eval()


def published_state(detector: nn.Module, layout: Layout, parts: Sequence[str]) -> dict[str, Tensor]:
    """The detector's weights under the published names of some manifest parts.

    Names of layers that the detector lacks are left out. What no part names, such as another
    trunk, is published behind `img_backbone` or `img_neck` under the names it has here.
    """
    own = detector.state_dict()
    like: dict[str, Tensor] = {}
    for key, shape in read_manifest(parts, ANY).items():
        names = [*layout.translate({key: torch.zeros(shape)})]
        if not names:
            like[key] = setting(detector, key)
        elif names[0] in own:
            like[key] = torch.zeros(own[names[0]].shape[: len(shape)])
    found = layout.translate(like)
    for name in own.keys() - found.keys():
        like[f"img_{name.removeprefix('detector.')}"] = torch.zeros_like(own[name])
    return published(own, like, layout)


def setting(detector: nn.Module, key: str) -> Tensor:
    """What published heads keep among their weights, as the detector has it."""
    modules = [*detector.modules()]
    name = key.removeprefix(HEAD)
    if name in ("code_weights", "match_costs"):
        return torch.tensor([1.0] * 8 + [0.2] * 2)
    if name == "pc_range":
        return torch.tensor(next(m for m in modules if isinstance(m, MultiViewDetector)).span)
    position = next(m for m in modules if isinstance(m, FrustumPositionEncoding))
    return position.depths if name == "coords_d" else torch.tensor(position.position_range)


def mmcv_file(state: dict[str, Tensor], path: Path) -> Path:
    """As mmcv 1.x saves: with what its hooks and its optimizer remember."""
    first = next(iter(state.values()))
    moments = {"step": 5, "exp_avg": torch.zeros_like(first), "exp_avg_sq": torch.ones_like(first)}
    meta = {"epoch": 24, "iter": 84408, "mmcv_version": "1.4.0", "CLASSES": ("car", "truck")}
    meta |= {"hook_msgs": {"last_lr": np.float64(2e-7)}, "config": "model = dict(type='Petr3D')"}
    optimizer = {"state": {0: moments}, "param_groups": [{"lr": 2e-7, "params": [0]}]}
    torch.save({"meta": meta, "state_dict": OrderedDict(state), "optimizer": optimizer}, path)
    return path
