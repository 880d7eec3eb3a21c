"""The ten detection classes: category, size, shape, attribute."""

from dataclasses import dataclass

import numpy as np

from drivetr.data.synth import small, vehicles
from drivetr.data.synth.mesh import Mesh

Size = tuple[float, float, float]  # length, width, height, metres


@dataclass(frozen=True)
class Kind:
    """One nuScenes category with its size (length, width, height): mean and half the range."""

    category: str
    mean: Size
    spread: Size


KINDS: dict[str, tuple[Kind, ...]] = {
    "car": (Kind("vehicle.car", (4.5, 1.9, 1.6), (0.45, 0.12, 0.17)),),
    "truck": (Kind("vehicle.truck", (6.8, 2.4, 2.8), (1.2, 0.2, 0.4)),),
    "construction_vehicle": (Kind("vehicle.construction", (6.0, 2.6, 3.0), (0.9, 0.25, 0.35)),),
    "bus": (
        Kind("vehicle.bus.rigid", (10.6, 2.8, 3.3), (0.9, 0.12, 0.2)),
        Kind("vehicle.bus.bendy", (12.2, 2.8, 3.3), (0.6, 0.12, 0.15)),
    ),
    "trailer": (Kind("vehicle.trailer", (9.2, 2.5, 3.6), (1.6, 0.12, 0.25)),),
    "barrier": (Kind("movable_object.barrier", (0.5, 2.4, 1.0), (0.1, 0.4, 0.1)),),
    "motorcycle": (Kind("vehicle.motorcycle", (2.1, 0.8, 1.5), (0.15, 0.1, 0.0)),),
    "bicycle": (Kind("vehicle.bicycle", (1.75, 0.62, 1.4), (0.1, 0.06, 0.0)),),
    "pedestrian": (
        Kind("human.pedestrian.adult", (0.72, 0.68, 1.75), (0.08, 0.07, 0.13)),
        Kind("human.pedestrian.child", (0.52, 0.5, 1.28), (0.05, 0.04, 0.1)),
        Kind("human.pedestrian.construction_worker", (0.74, 0.7, 1.77), (0.08, 0.06, 0.09)),
        Kind("human.pedestrian.police_officer", (0.74, 0.7, 1.8), (0.08, 0.06, 0.08)),
    ),
    "traffic_cone": (Kind("movable_object.trafficcone", (0.42, 0.42, 0.95), (0.05, 0.05, 0.2)),),
}
CYCLES = ("bicycle", "motorcycle")
VEHICLES = ("car", "truck", "construction_vehicle", "bus", "trailer")
_FIRST_KIND = {"pedestrian": 0.75, "bus": 0.7}  # how often the first kind is drawn


def draw_kind(name: str, rng: np.random.Generator) -> Kind:
    """A category of the class."""
    kinds = KINDS[name]
    if len(kinds) == 1 or rng.random() < _FIRST_KIND[name]:
        return kinds[0]
    return kinds[1 + rng.integers(len(kinds) - 1)]


def draw_size(name: str, kind: Kind, rider: bool, rng: np.random.Generator) -> Size:
    """Length, width and height in metres, to the millimetre."""
    length, width, height = (
        mean + spread * rng.uniform(-1, 1)
        for mean, spread in zip(kind.mean, kind.spread, strict=True)
    )
    if name in CYCLES:
        height = rng.uniform(1.62, 1.82) if rider else rng.uniform(1.0, 1.2)
    return round(length, 3), round(width, 3), round(height, 3)


def build_mesh(name: str, size: Size, rider: bool, moving: bool, rng: np.random.Generator) -> Mesh:
    """The shape of one object; parts lie inside the box of `size`."""
    if name == "pedestrian":
        return small.pedestrian(size, rng, walking=moving)
    if name == "bicycle":
        return small.bicycle(size, rng, rider)
    if name == "motorcycle":
        return small.motorcycle(size, rng, rider)
    module = vehicles if name in VEHICLES else small
    mesh: Mesh = getattr(module, name)(size, rng)
    return mesh


def attribute_of(name: str, moving: bool, parked: bool, rider: bool) -> str:
    """The nuScenes attribute, or '' for barriers and cones."""
    if name in CYCLES:
        return "cycle.with_rider" if rider else "cycle.without_rider"
    if name == "pedestrian":
        return "pedestrian.moving" if moving else "pedestrian.standing"
    if name in VEHICLES:
        return "vehicle.moving" if moving else ("vehicle.parked" if parked else "vehicle.stopped")
    return ""
