"""A spinning lidar: each ray against the ground, the houses and the convex parts of all objects."""

import numpy as np
from numpy.typing import NDArray

from drivetr.data.synth.mesh import block
from drivetr.data.synth.rig import Lidar
from drivetr.data.synth.scene import Actor
from drivetr.data.synth.street import Street

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


def directions(lidar: Lidar) -> Array:
    """Unit rays (rings, azimuths, 3) in the lidar frame."""
    elevation = np.radians(np.linspace(lidar.lowest_deg, lidar.highest_deg, lidar.rings))[:, None]
    azimuth = np.linspace(-np.pi, np.pi, lidar.azimuths, endpoint=False)[None]
    flat = np.cos(elevation)
    return np.stack(
        [flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation) + 0 * azimuth], axis=-1
    )


def hit_convex(origins: Array, rays: Array, planes: Array) -> Array:
    """Distances (R,) at which rays enter the convex body given by planes (P, 4); inf for a miss.

    A ray is cut by every half-space in turn (Cyrus and Beck 1978).
    """
    toward = rays @ planes[:, :3].T  # (R, P)
    gap = planes[:, 3] - origins @ planes[:, :3].T
    with np.errstate(divide="ignore", invalid="ignore"):
        cut = gap / toward
    enter = np.where(toward < -1e-12, cut, -np.inf).max(axis=1)
    leave = np.where(toward > 1e-12, cut, np.inf).min(axis=1)
    parallel_out = ((np.abs(toward) <= 1e-12) & (gap < 0)).any(axis=1)
    return np.where((enter <= leave) & (enter > 0) & ~parallel_out, enter, np.inf)


def moved_planes(planes: Array, dst_from_src: Array) -> Array:
    """The same half-spaces in another frame."""
    normals = planes[:, :3] @ dst_from_src[:3, :3].T
    return np.column_stack([normals, planes[:, 3] + normals @ dst_from_src[:3, 3]])


def window(corners: Array, lidar: Lidar) -> tuple[Indices, Indices]:
    """Rings and azimuth columns that can meet a body with these corners (n, 3), lidar frame."""
    rings, columns = lidar.rings, lidar.azimuths
    angle = np.arctan2(corners[:, 1], corners[:, 0])
    turned = np.mod(angle - angle[0] + np.pi, 2 * np.pi) - np.pi + angle[0]
    step = 2 * np.pi / columns
    first, last = (
        np.floor((turned.min() + np.pi) / step) - 1,
        np.ceil((turned.max() + np.pi) / step) + 1,
    )
    if turned.max() - turned.min() > np.pi:
        first, last = 0, columns - 1
    flat = np.hypot(corners[:, 0], corners[:, 1])
    elevation = np.degrees(np.arctan2(corners[:, 2], np.maximum(flat, 1e-3)))
    pitch = (lidar.highest_deg - lidar.lowest_deg) / (rings - 1)
    low = int(np.floor((elevation.min() - lidar.lowest_deg) / pitch)) - 1
    high = (
        int(np.ceil((elevation.max() - lidar.lowest_deg) / pitch)) + 3
    )  # a face bulges above its corners
    return np.arange(max(0, low), min(rings, high + 1)), np.arange(
        int(first), int(last) + 1
    ) % columns


def scan(
    lidar: Lidar, bodies: list[tuple[Array, list[Array], float]], rng: np.random.Generator
) -> NDArray[np.float32]:
    """A point cloud (P, 5): x, y, z, intensity, ring in the lidar frame.

    Args:
        lidar: The sensor.
        bodies: Of every body the corners (n, 3) of a bounding box, the planes of its convex parts
            and its reflectance; lidar frame.
        rng: For range noise and lost ground echoes.
    """
    rays = directions(lidar)
    rotation = lidar.ego_from_lidar
    down = rays @ rotation[2, :3]
    with np.errstate(divide="ignore"):
        distance = np.where(down < -1e-6, -rotation[2, 3] / down, np.inf)
    grazing = np.clip(-down * 3.0, 0.0, 0.35)  # asphalt returns little, of a grazing beam less
    distance[rng.random(distance.shape) > grazing] = np.inf
    reflectance = np.full(distance.shape, 12.0)
    for corners, parts, shine in bodies:
        rings, columns = window(corners, lidar)
        if not len(rings) or not len(columns):
            continue
        block = np.ix_(rings, columns)
        beams = rays[block].reshape(-1, 3)
        nearest = np.full(len(beams), np.inf)
        origin = np.zeros((1, 3))
        for planes in parts:
            nearest = np.minimum(nearest, hit_convex(origin, beams, planes))
        nearest = nearest.reshape(len(rings), len(columns))
        old = distance[block]
        reflectance[block] = np.where(nearest < old, shine, reflectance[block])
        distance[block] = np.minimum(nearest, old)
    ring, column = np.nonzero(distance < lidar.reach)
    points = rays[ring, column] * distance[ring, column, None]
    intensity = reflectance[ring, column] * rng.uniform(0.6, 1.4, len(ring))
    return np.column_stack([points, intensity, ring]).astype(np.float32)


def body_of(actor: Actor, lidar_from_actor: Array) -> tuple[Array, list[Array], float]:
    """An actor as `scan` wants it."""
    corners = box_corners(
        (-actor.size[0] / 2, actor.size[0] / 2),
        (-actor.size[1] / 2, actor.size[1] / 2),
        actor.size[2],
    )
    moved = corners @ lidar_from_actor[:3, :3].T + lidar_from_actor[:3, 3]
    return moved, [moved_planes(planes, lidar_from_actor) for planes in actor.mesh.convex], 30.0


def box_corners(x: tuple[float, float], y: tuple[float, float], height: float) -> Array:
    """The eight corners of an upright box on the ground."""
    return np.array([(a, b, c) for a in x for b in y for c in (0.0, height)])


def scenery(
    street: Street, lidar_from_street: Array, reach: float
) -> list[tuple[Array, list[Array], float]]:
    """Houses, tree trunks and lamp posts near the sensor."""
    here = np.linalg.inv(lidar_from_street)[:2, 3]
    found = []
    solids = [(house.x, house.y, house.height, 20.0) for house in street.buildings]
    solids += [
        ((x - 0.1, x + 0.1), (y - 0.1, y + 0.1), tall * 0.5, 15.0) for x, y, tall in street.trees
    ]
    solids += [((x - 0.07, x + 0.07), (y - 0.07, y + 0.07), 6.0, 15.0) for x, y in street.lamps]
    for x, y, height, shine in solids:
        nearest = np.array([np.clip(here[0], *x), np.clip(here[1], *y)])
        if np.linalg.norm(nearest - here) > reach:
            continue
        planes = moved_planes(block(x, y, (0.0, height)).planes(), lidar_from_street)
        corners = box_corners(x, y, height) @ lidar_from_street[:3, :3].T + lidar_from_street[:3, 3]
        found.append((corners, [planes], shine))
    return found


def count_inside(points_street: Array, actor: Actor, time: float) -> int:
    """Points inside the actor's box, its faces included."""
    x, y = actor.place(time)
    cos, sin = np.cos(actor.yaw), np.sin(actor.yaw)
    dx, dy = points_street[:, 0] - x, points_street[:, 1] - y
    length, width, height = actor.size
    inside = (np.abs(cos * dx + sin * dy) <= length / 2) & (
        np.abs(cos * dy - sin * dx) <= width / 2
    )
    return int((inside & (points_street[:, 2] >= 0) & (points_street[:, 2] <= height)).sum())
