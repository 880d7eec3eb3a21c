"""Who is on the street and how they move: straight at constant speed, nobody through anybody."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from drivetr.data.synth.catalogue import (
    CYCLES,
    KINDS,
    VEHICLES,
    Size,
    attribute_of,
    build_mesh,
    draw_kind,
    draw_size,
)
from drivetr.data.synth.mesh import Mesh
from drivetr.data.synth.street import Street, planar

Array = NDArray[np.float64]
EGO_LENGTH, EGO_WIDTH, EGO_CENTRE = 5.0, 2.0, 1.3  # metres; the ego frame lies at the rear axle
TRIES = 14  # places tried for one object before it is given up
OBJECTS_AT_24_M = 16.5  # tried within +-24 m of the ego at density 1
WEIGHTS = {
    "car": 1.5, "truck": 0.9, "construction_vehicle": 1.0, "bus": 0.8, "trailer": 0.9,
    "barrier": 1.1, "motorcycle": 1.05, "bicycle": 1.05, "pedestrian": 1.05, "traffic_cone": 1.0,
}  # fmt: skip
_DRIVES, _WAITS = ("lane", True), ("lane", False)
_KERB, _YARD, _PAVEMENT = ("parking", False), ("lot", False), ("pavement", False)
# Where each class is found: ((zone, moves), share). What has no yard stands at the kerb.
ZONES: dict[str, tuple[tuple[tuple[str, bool], float], ...]] = {
    "car": ((_DRIVES, 0.4), (_WAITS, 0.1), (_KERB, 0.3), (_YARD, 0.2)),
    "truck": ((_DRIVES, 0.4), (_WAITS, 0.1), (_KERB, 0.25), (_YARD, 0.25)),
    "bus": ((_DRIVES, 0.4), (_WAITS, 0.1), (_KERB, 0.25), (_YARD, 0.25)),
    "trailer": ((_DRIVES, 0.15), (_KERB, 0.45), (_YARD, 0.4)),
    "construction_vehicle": ((_DRIVES, 0.25), (_KERB, 0.35), (_YARD, 0.4)),
    "barrier": ((_KERB, 0.45), (_PAVEMENT, 0.3), (_YARD, 0.25)),
    "motorcycle": ((_DRIVES, 0.55), (_KERB, 0.3), (_YARD, 0.15)),
    "bicycle": ((("edge", True), 0.5), (_PAVEMENT, 0.35), (_YARD, 0.15)),
    "pedestrian": (
        (("pavement", True), 0.45), (_PAVEMENT, 0.2), (("crossing", True), 0.2),
        (("lot", True), 0.15),
    ),
    "traffic_cone": ((("edge", False), 0.35), (_KERB, 0.25), (_PAVEMENT, 0.2), (_YARD, 0.2)),
}  # fmt: skip
_SPEEDS = {"construction_vehicle": (1.0, 3.5), "bicycle": (2.0, 6.0), "pedestrian": (0.7, 1.8)}


@dataclass(frozen=True)
class Actor:
    """One object for the length of a scene, in the street frame."""

    name: str  # detection class
    category: str
    attribute: str
    size: Size
    mesh: Mesh
    position: tuple[float, float]  # at time 0
    yaw: float
    velocity: tuple[float, float]  # metres per second, constant

    def place(self, time: float) -> tuple[float, float]:
        """Where its centre is, metres."""
        return self.position[0] + time * self.velocity[0], self.position[1] + time * self.velocity[
            1
        ]


@dataclass(frozen=True)
class Ego:
    """The car with the cameras: constant speed along its lane with a slow sway."""

    speed: float
    lane: float
    sway: float
    rate: float
    phase: float

    def pose(self, time: float) -> Array:
        """4x4 street_from_ego."""
        angle = self.rate * time + self.phase
        y = self.lane + self.sway * math.sin(angle)
        drift = self.sway * self.rate * math.cos(angle)
        yaw = math.atan2(drift, self.speed) if self.speed > 0.5 else 0.0
        return planar(yaw, self.speed * time, y)


@dataclass(frozen=True)
class Scene:
    """A street with everybody on it."""

    street: Street
    ego: Ego
    actors: tuple[Actor, ...]
    reach: float


@dataclass(frozen=True)
class _Spot:
    """A candidate place: what `Actor` needs of it."""

    x: float
    y: float
    yaw: float
    speed: float


def draw_ego(rng: np.random.Generator, street: Street, top_speed: float) -> Ego:
    """The ego in one of its lanes; one in six stands."""
    lane = -(0.5 + rng.integers(street.lanes)) * street.lane_width
    speed = 0.0 if rng.random() < 1 / 6 else float(rng.uniform(1.5, top_speed))
    sway = 0.0 if speed == 0 else float(rng.uniform(0.05, 0.3))
    return Ego(
        speed, float(lane), sway, float(rng.uniform(0.3, 0.6)), float(rng.uniform(0, 2 * math.pi))
    )


def draw_scene(
    rng: np.random.Generator,
    street: Street,
    duration: float,
    reach: float,
    top_speed: float,
    density: float,
) -> Scene:
    """Fills the street around the ego's way for `duration` seconds.

    Objects are dropped relative to the ego at a random time: the street stays as full all along.
    """
    ego = draw_ego(rng, street, top_speed)
    times = np.linspace(0, duration, max(2, math.ceil(duration / 0.2) + 1))
    ground = _Occupied(times)
    ground.add_ego(ego)
    ground.add_posts(street, (-reach - 5, ego.speed * duration + reach + 5))
    wanted = density * OBJECTS_AT_24_M * reach / 24 * (1 + ego.speed * duration / (2 * reach))
    names = list(WEIGHTS)
    shares = np.array([WEIGHTS[name] for name in names])
    actors: list[Actor] = []
    for name in rng.choice(names, size=round(wanted), p=shares / shares.sum()):
        if len(actors) < wanted:
            actors += _place(str(name), rng, street, ego, ground, duration, reach)
    return Scene(street, ego, tuple(actors), reach)


def _place(
    name: str,
    rng: np.random.Generator,
    street: Street,
    ego: Ego,
    ground: "_Occupied",
    duration: float,
    reach: float,
) -> list[Actor]:
    """One object with those that come with it: a row of cones, the truck before a trailer."""
    zones = ZONES[name]
    zone, moves = zones[rng.choice(len(zones), p=[share for _, share in zones])][0]
    if zone == "lot" and not street.lot_side:
        zone = "pavement" if name not in VEHICLES else "parking"
        moves = moves and zone == "pavement"
    rider = name in CYCLES and moves
    kind = draw_kind(name, rng)
    size = draw_size(name, kind, rider, rng)
    for _ in range(TRIES):
        spot = _spot(name, zone, moves, size, rng, street)
        when = rng.uniform(0, duration)
        x = ego.speed * when + rng.uniform(-reach, reach)
        velocity = (spot.speed * math.cos(spot.yaw), spot.speed * math.sin(spot.yaw))
        start = (
            x - when * velocity[0],
            spot.y - (when * velocity[1] if zone != "crossing" else 0.0),
        )
        if not ground.free(start, velocity, spot.yaw, size):
            continue
        tractor = (
            _tractor(start, velocity, spot.yaw, size, rng, ground)
            if name == "trailer" and moves
            else None
        )
        if name == "trailer" and moves and tractor is None:
            continue
        ground.add(start, velocity, spot.yaw, size)
        mesh = build_mesh(name, size, rider, moves, rng)
        attribute = attribute_of(name, moves, zone in ("parking", "lot"), rider)
        actor = Actor(name, kind.category, attribute, size, mesh, start, spot.yaw, velocity)
        if name in ("barrier", "traffic_cone"):
            return [actor, *_row(actor, rng, ground)]
        return [actor] if tractor is None else [actor, tractor]
    return []


def _tractor(
    start: tuple[float, float],
    velocity: tuple[float, float],
    yaw: float,
    trailer: Size,
    rng: np.random.Generator,
    ground: "_Occupied",
) -> Actor | None:
    """A truck that pulls the trailer, or None without room; it takes its place at once."""
    kind = KINDS["truck"][0]
    size = draw_size("truck", kind, False, rng)
    ahead = (trailer[0] + size[0]) / 2 + 0.3
    place = (start[0] + ahead * math.cos(yaw), start[1] + ahead * math.sin(yaw))
    if not ground.free(place, velocity, yaw, size):
        return None
    ground.add(place, velocity, yaw, size)
    mesh = build_mesh("truck", size, False, True, rng)
    return Actor(
        "truck",
        kind.category,
        attribute_of("truck", True, False, False),
        size,
        mesh,
        place,
        yaw,
        velocity,
    )


def _row(first: Actor, rng: np.random.Generator, ground: "_Occupied") -> list[Actor]:
    """Up to two more of the same in a line along the street."""
    row: list[Actor] = []
    step = first.size[1] + 0.55 if first.name == "barrier" else float(rng.uniform(1.6, 2.6))
    while len(row) < 2 and rng.random() < 0.35:
        place = (first.position[0] + step * (len(row) + 1), first.position[1])
        if not ground.free(place, (0.0, 0.0), first.yaw, first.size):
            break
        ground.add(place, (0.0, 0.0), first.yaw, first.size)
        row.append(replace(first, position=place))
    return row


def _spot(
    name: str, zone: str, moves: bool, size: Size, rng: np.random.Generator, street: Street
) -> _Spot:
    """A place across the street, with heading and speed; x is drawn by the caller."""
    side = int(rng.choice([-1, 1]))
    along = 0.0 if side < 0 else math.pi
    speed = float(rng.uniform(*_SPEEDS.get(name, (2.0, 9.0)))) if moves else 0.0
    if zone == "lane":
        lane = 0.5 + rng.integers(street.lanes)
        return _Spot(
            0,
            side * lane * street.lane_width + rng.normal(0, 0.15),
            along + (0 if moves else rng.normal(0, 0.03)),
            speed,
        )
    if zone == "edge":
        y = side * (street.road_half - rng.uniform(0.3, 0.9))
        return _Spot(0, y, along if moves else rng.uniform(-math.pi, math.pi), speed)
    if zone == "parking":
        y = (
            side * (street.kerb - size[1] / 2 - rng.uniform(0.15, 0.3))
            if name in VEHICLES
            else side * rng.uniform(street.road_half + 0.3, street.kerb - 0.7)
        )
        return _Spot(0, y, _parked_yaw(name, along, rng), 0.0)
    if zone == "crossing":
        y = -side * rng.uniform(-street.kerb, street.kerb)
        return _Spot(0, y, side * math.pi / 2 + rng.normal(0, 0.15), speed)
    if zone == "lot":
        return _lot_spot(name, moves, size, rng, street, speed)
    y = side * (street.kerb + rng.uniform(1.3, street.pavement_width - 0.5))
    if moves:
        return _Spot(0, y, rng.choice([0.0, math.pi]), speed)
    return _Spot(
        0,
        y,
        _parked_yaw(name, along, rng) if name != "pedestrian" else rng.uniform(-math.pi, math.pi),
        0.0,
    )


def _parked_yaw(name: str, along: float, rng: np.random.Generator) -> float:
    if name == "barrier":  # its long side runs along the street
        return along + math.pi / 2 + rng.normal(0, 0.12)
    if name == "traffic_cone":
        return float(rng.uniform(-math.pi, math.pi))
    if name in CYCLES:
        return along + float(rng.choice([0.0, 0.9, -0.9, math.pi])) + rng.normal(0, 0.15)
    return along + (math.pi if rng.random() < 0.12 else 0.0) + rng.normal(0, 0.04)


def _lot_spot(
    name: str, moves: bool, size: Size, rng: np.random.Generator, street: Street, speed: float
) -> _Spot:
    side = street.lot_side
    inner, outer = street.kerb + street.pavement_width, street.facade(side)
    if moves or name not in VEHICLES:
        y = side * rng.uniform(inner + 0.5, outer - 0.7)
        walk = float(rng.choice([0.0, math.pi]))
        return _Spot(0, y, walk if moves else float(rng.uniform(-math.pi, math.pi)), speed)
    yaw = side * math.pi / 2 * float(rng.choice([-1, 1])) + rng.normal(0, 0.06)
    if size[0] > outer - inner - 0.5 or rng.random() < 0.25:
        yaw = float(rng.choice([0.0, math.pi])) + rng.normal(0, 0.06)
        return _Spot(
            0, side * rng.uniform(inner + size[1] / 2 + 0.3, outer - size[1] / 2 - 0.3), yaw, 0.0
        )
    return _Spot(0, side * (outer - size[0] / 2 - rng.uniform(0.2, 0.8)), yaw, 0.0)


class _Occupied:
    """The footprints that are taken, at every checked time."""

    def __init__(self, times: Array) -> None:
        self.times = times
        self.paths: list[Array] = []  # (T, 2)
        self.yaws: list[float] = []
        self.halves: list[tuple[float, float]] = []

    def add(
        self, start: tuple[float, float], velocity: tuple[float, float], yaw: float, size: Size
    ) -> None:
        self._append(
            np.array(start) + self.times[:, None] * np.array(velocity),
            yaw,
            (size[0] / 2, size[1] / 2),
        )

    def add_ego(self, ego: Ego) -> None:
        poses = [ego.pose(time) for time in self.times]
        path = np.array([pose[:2, 3] + EGO_CENTRE * pose[:2, 0] for pose in poses])
        self._append(path, 0.0, (EGO_LENGTH / 2 + 0.5, EGO_WIDTH / 2 + 0.35))

    def add_posts(self, street: Street, x: tuple[float, float]) -> None:
        for post in [*street.trees, *street.lamps]:
            if x[0] < post[0] < x[1]:
                self.add((post[0], post[1]), (0.0, 0.0), 0.0, (0.3, 0.3, 1.0))

    def _append(self, path: Array, yaw: float, half: tuple[float, float]) -> None:
        self.paths.append(path)
        self.yaws.append(yaw)
        self.halves.append(half)

    def free(
        self, start: tuple[float, float], velocity: tuple[float, float], yaw: float, size: Size
    ) -> bool:
        """Whether the footprint with a margin of 0.25 m meets no other at any time."""
        path = np.array(start) + self.times[:, None] * np.array(velocity)
        half = (size[0] / 2 + 0.25, size[1] / 2 + 0.25)
        gaps = np.stack(self.paths) - path  # (A, T, 2)
        near = np.linalg.norm(gaps, axis=2).min(axis=1)
        limits = np.hypot(*np.array(self.halves).T) + math.hypot(*half)
        return not any(
            footprints_meet(gaps[row], yaw, half, self.yaws[row], self.halves[row])
            for row in np.flatnonzero(near < limits)
        )


def footprints_meet(
    gap: Array,
    yaw: float,
    half: tuple[float, float],
    other_yaw: float,
    other_half: tuple[float, float],
) -> bool:
    """Whether two rectangles overlap at any of the offsets `gap` (T, 2), by separating axes."""
    meet = np.ones(len(gap), dtype=bool)
    frames = [(yaw, half), (other_yaw, other_half)]
    for base, _ in frames:
        for axis in (base, base + math.pi / 2):
            reach = sum(
                h[0] * abs(math.cos(axis - a)) + h[1] * abs(math.sin(axis - a)) for a, h in frames
            )
            meet &= np.abs(gap @ (math.cos(axis), math.sin(axis))) < reach
    return bool(meet.any())
