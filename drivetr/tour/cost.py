"""What attention costs: time and memory against the number of tokens, measured."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from drivetr.nn.attention import MultiheadAttention
from drivetr.nn.position import Position
from drivetr.tour.blocks import Block, Formula, Picture, Text
from drivetr.tour.part import Data, Part, Settings, as_data
from drivetr.tour.style import graph, panels

TOKENS = (128, 256, 512, 1024, 2048, 4096)
EMBED_DIM, NUM_HEADS = 64, 4
REPEATS = 3
WAYS = {
    "matrix": "matrix written down",
    "fused": "fused: matrix never stored",
}


def compute(settings: Settings) -> Data:
    """Times and bytes of two ways to attend, for growing numbers of tokens."""
    torch.manual_seed(settings.seed)
    attention = MultiheadAttention(EMBED_DIM, NUM_HEADS)
    counts = TOKENS if settings.share >= 1 else TOKENS[:3]
    return as_data(measure(attention, counts))


def measure(attention: MultiheadAttention, counts: tuple[int, ...]) -> dict[str, Any]:
    """CPU-seconds of a forward pass, and bytes that a backward pass would need, of both ways."""
    ways: dict[str, Callable[..., Any]] = {"matrix": attention.weights, "fused": attention.forward}
    found: dict[str, Any] = {"tokens": counts, "heads": attention.num_heads}
    for name, way in ways.items():
        seconds, kept = [], []
        for count in counts:
            x = torch.randn(1, count, attention.out_proj.in_features)
            kept.append(bytes_kept(way, x))
            seconds.append(least_seconds(way, x))
        found[name] = {
            "seconds": seconds,
            "bytes": kept,
            "time_slope": slope(counts, seconds),
            "memory_slope": slope(counts, kept),
        }
    return found


def bytes_kept(way: Callable[..., Any], x: Tensor) -> int:
    """Bytes of the different tensors that autograd keeps from the forward pass for the backward."""
    storages: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = way(x, x, Position(), Position())  # lives until the count is done
    del out
    return sum(storages.values())


@torch.no_grad()
def least_seconds(way: Callable[..., Any], x: Tensor) -> float:
    """CPU time of the fastest of a few passes: other work on the machine only ever adds."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        way(x, x, Position(), Position())
        times.append(time.process_time() - start)
    return min(times)


def slope(counts: Sequence[int], values: Sequence[float]) -> float:
    """The exponent p of values ~ counts^p, fitted over the three largest counts."""
    return float(np.polyfit(np.log(counts[-3:]), np.log(values[-3:]), 1)[0])


def draw(data: Data) -> Mapping[str, Figure]:
    """Two log-log graphs: time and memory."""
    figure, axes = panels(1, 2, 4.2)
    tokens = np.array(data["tokens"])
    for plot, kind, scale, exponent in (
        (axes[0, 0], "seconds", 1e3, "time_slope"),
        (axes[0, 1], "bytes", 2**-20, "memory_slope"),
    ):
        for marker, (name, words) in zip("os", WAYS.items(), strict=True):
            values = np.array(data[name][kind]) * scale
            label = f"{words}, slope {data[name][exponent]:.2f}"
            plot.loglog(tokens, values, marker=marker, label=label)
        plot.set_xticks(tokens, [f"{count}" for count in tokens], minor=False)
        plot.minorticks_off()
        plot.legend(loc="upper left")
    graph(axes[0, 0], "Time of one forward pass", "tokens", "CPU milliseconds")
    graph(axes[0, 1], "Kept for the backward pass", "tokens", "MiB")
    return {"cost": figure}


def tell(data: Data) -> list[Block]:
    """Why the price is quadratic."""
    matrix, fused, most = data["matrix"], data["fused"], data["tokens"][-1]
    return [
        Text(
            "Everybody asks everybody: T tokens make T·T dot products, so twice the tokens cost"
            " four times as much. Six cameras of 256x704 pixels at stride 16 are 4,224 tokens,"
            " which is about where these graphs end."
        ),
        Formula(
            "time ~ T² · C,   stored matrix = heads · T² numbers",
            "Vaswani et al., arXiv:1706.03762, table 1",
        ),
        Picture(
            "cost",
            "Both axes are logarithmic, so a power of T is a straight line and its exponent is the"
            " slope (fitted over the last three points). Measured on the machine that drew this"
            " page: CPU time of all threads, the fastest of a few passes.",
        ),
        Text(
            f"With {most} tokens and {data['heads']} heads the stored matrix needs"
            f" {matrix['bytes'][-1] / 2**20:.0f} MiB (slope {matrix['memory_slope']:.2f}), and"
            f" {matrix['seconds'][-1] * 1e3:.0f} ms (slope {matrix['time_slope']:.2f}). The fused"
            " pass, which drivetr trains with, computes the same weights block by block and forgets"
            f" them: {fused['bytes'][-1] / 2**20:.1f} MiB, slope {fused['memory_slope']:.2f}. Its"
            f" time still grows with slope {fused['time_slope']:.2f}, since no dot product is"
            " spared (FlashAttention, arXiv:2205.14135)."
        ),
    ]


PART = Part("The price: every pair of tokens", compute, draw, tell)
