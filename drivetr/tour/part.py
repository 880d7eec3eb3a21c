"""One part of the tour: numbers that are computed, figures of them, and sentences about them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from drivetr.tour.blocks import Block

Data = dict[str, Any]  # numbers, texts, lists and dictionaries of them: what JSON can hold


@dataclass(frozen=True)
class Settings:
    """What a run of the tour depends on.

    Attributes:
        scratch: folder for what parts share, such as a rendered world; whoever makes the settings
            takes it away again.
        seed: of every random number.
        share: of the usual training steps; less than 1 for a quick look.
        clip: folder of a trained CLIP, None to train a small one.
        detr: checkpoint of a DETR on the shapes, None to train a small one.
        petr: checkpoint of a PETR, None to train a small one.
    """

    scratch: Path
    seed: int = 0
    share: float = 1.0
    clip: Path | None = None
    detr: Path | None = None
    petr: Path | None = None

    def steps(self, usual: int) -> int:
        """How many training steps to take where the tour usually takes `usual`."""
        return max(2, round(usual * self.share))

    def generator(self) -> torch.Generator:
        """A new source of random numbers that starts at the seed."""
        return torch.Generator().manual_seed(self.seed)


@dataclass(frozen=True)
class Part:
    """A part of the tour; `draw` and `tell` see nothing but the data.

    Attributes:
        title: heading on the page.
        compute: settings to data.
        draw: data to figures by name; it is called once for each theme of colours.
        tell: data to the sentences, formulas, tables and pictures, in the order of reading.
        foreign: whether pictures show data of other people, which is not drivetr's to pass on.
    """

    title: str
    compute: Callable[[Settings], Data]
    draw: Callable[[Data], Mapping[str, Figure]]
    tell: Callable[[Data], list[Block]]
    foreign: bool = False


def as_data(value: Any, digits: int = 6) -> Any:
    """Tensors and arrays as lists and all numbers with at most `digits` digits, ready for JSON.

    Raises:
        ValueError: something that JSON cannot hold.
    """
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): as_data(item, digits) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_data(item, digits) for item in value]
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if value is None or isinstance(value, bool | int | str):
        return value
    raise ValueError(f"a figure's data holds a {type(value).__name__}, which JSON cannot")
