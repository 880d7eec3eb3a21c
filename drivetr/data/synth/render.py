"""From the state of the street to a picture: sky, ground, shadows, faces, air, lens."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from drivetr.data.synth.mesh import Mesh
from drivetr.data.synth.raster import Buffers, Faces, clip_near, draw, project
from drivetr.data.synth.scene import Scene
from drivetr.data.synth.street import Building, Street, furniture_mesh, planar
from drivetr.data.synth.surfaces import (
    SKY_WIDTH,
    Ground,
    bake_facade,
    bake_ground,
    bake_sky,
    lamp_light,
)
from drivetr.data.synth.view import OVERSAMPLING, View

Array = NDArray[np.float64]
Image = NDArray[np.uint8]
FADE = 3.0  # metres beyond the reach within which an object dissolves
_DRAWN = 95.0  # metres up to which scenery is drawn


@dataclass(frozen=True)
class Stage:
    """A street ready for drawing: baked pictures and the scenery's faces in the street frame."""

    street: Street
    ground: Ground
    sky: Image
    textures: tuple[tuple[Image, ...], ...]
    scenery: Faces
    grain: NDArray[np.int16]


@dataclass(frozen=True)
class Shot:
    """The faces of one moment in the ego frame, the same for all cameras."""

    faces: Faces
    shadows: list[Array]  # ground polygons (n, 3), ego frame
    street_from_ego: Array


def make_stage(street: Street, pixels_per_metre: float) -> Stage:
    """Bakes the pictures of a street once."""
    meshes, textures = [], []
    for number, house in enumerate(street.buildings):
        quads, walls = _house_faces(street, house, number, pixels_per_metre)
        meshes.append(quads)
        textures.extend(walls)
    furniture = furniture_mesh(street)
    quads = np.concatenate([*meshes, furniture.quads])
    colours = np.concatenate(
        [
            np.zeros((len(quads) - len(furniture.quads), 3)),
            lit_colours(furniture, np.eye(3), street),
        ]
    )
    rows = np.full(len(quads), -1)
    rows[: len(textures)] = np.arange(len(textures))
    scenery = Faces(quads, colours, rows, np.full(len(quads), -1), np.ones(len(quads)))
    grain = np.random.default_rng([street.seed, 3]).normal(0, 1, (512, 1024, 3)) * (
        3.2 if street.weather.name == "night" else 1.8
    )
    return Stage(
        street,
        bake_ground(street, pixels_per_metre),
        bake_sky(street.weather, street.seed),
        tuple(textures),
        scenery,
        grain.round().astype(np.int16),
    )


def _house_faces(
    street: Street, house: Building, number: int, ppm: float
) -> tuple[Array, list[tuple[Image, ...]]]:
    """Street front and both gables of a house."""
    (x0, x1), (y0, y1), top = house.x, house.y, house.height
    near = y0 if y0 > 0 else y1
    front = [(x0, near), (x1, near)] if near > 0 else [(x1, near), (x0, near)]
    walls = [front, [(x0, y1), (x0, y0)], [(x1, y0), (x1, y1)]]
    quads, pictures = [], []
    for face, (start, end) in enumerate(walls):
        quads.append([(*start, 0), (*end, 0), (*end, top), (*start, top)])
        along = np.subtract(end, start)
        length = float(np.hypot(*along))
        normal = np.array([[along[1] / length, -along[0] / length, 0.0]])
        light = street.weather.light(normal)[0]
        picture = bake_facade(
            house, (length, top), light, street.weather, [street.seed, number, face], ppm
        )
        pyramid = [picture]
        while min(pyramid[-1].shape[:2]) >= 16:
            pyramid.append(
                cv2.resize(pyramid[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
            )
        pictures.append(tuple(pyramid))
    return np.array(quads, float), pictures


def lit_colours(
    mesh: Mesh, street_from_mesh: Array, street: Street, place: tuple[float, float] | None = None
) -> Array:
    """Face colours (F, 3), 0..255, under the sky and, at `place`, the street lamps; lights glow."""
    weather = street.weather
    light = weather.light(mesh.normals @ street_from_mesh.T)
    if place is not None and weather.lamps > 0.5:
        light = light + lamp_light(street, np.array([place]))[0] * (
            0.75 + 0.25 * mesh.normals[:, 2:3]
        )
    glow = (mesh.glow * weather.lamps)[:, None]
    return np.clip(
        255 * np.maximum(mesh.colours * light * (1 - 0.5 * glow), mesh.colours * glow), 0, 255
    )


def shoot(stage: Stage, scene: Scene, time: float, shown: dict[int, float]) -> Shot:
    """Gathers what can be seen at `time`; `shown` maps actors to their opacity."""
    street_from_ego = scene.ego.pose(time)
    ego_from_street = np.linalg.inv(street_from_ego)
    far = (
        np.linalg.norm(stage.scenery.quads.mean(axis=1)[:, :2] - street_from_ego[:2, 3], axis=1)
        < _DRAWN
    )
    parts = [_moved(stage.scenery, far, ego_from_street)]
    shadows = []
    sun = stage.street.weather.sun_direction
    for number, opacity in shown.items():
        actor = scene.actors[number]
        street_from_actor = planar(actor.yaw, *actor.place(time))
        pose = ego_from_street @ street_from_actor
        mesh = actor.mesh
        count = len(mesh.quads)
        parts.append(
            Faces(
                mesh.quads @ pose[:3, :3].T + pose[:3, 3],
                lit_colours(mesh, street_from_actor[:3, :3], stage.street, actor.place(time)),
                mesh.textures, np.full(count, number), np.full(count, opacity),
            )
        )  # fmt: skip
        length, width, height = actor.size
        base = np.array([(sx * length / 2, sy * width / 2) for sx in (-1, 1) for sy in (-1, 1)])
        base = base @ street_from_actor[:2, :2].T + street_from_actor[:2, 3]
        reach = min(height * 0.8 / max(sun[2], 0.2), 6.0)
        hull = cv2.convexHull(np.concatenate([base, base - reach * sun[:2]]).astype(np.float32))[
            :, 0
        ]
        flat = np.column_stack([hull, np.zeros(len(hull))])
        shadows.append(flat @ ego_from_street[:3, :3].T + ego_from_street[:3, 3])
    merged = Faces(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in Faces.__dataclass_fields__
        )
    )
    return Shot(merged, shadows, street_from_ego)


def _moved(faces: Faces, keep: NDArray[np.bool_], dst_from_src: Array) -> Faces:
    quads = faces.quads[keep] @ dst_from_src[:3, :3].T + dst_from_src[:3, 3]
    return Faces(
        quads, faces.colours[keep], faces.textures[keep], faces.owners[keep], faces.opacity[keep]
    )


def render(
    stage: Stage, shot: Shot, view: View, rng: np.random.Generator
) -> tuple[Image, dict[int, int], dict[int, int]]:
    """One picture (H, W, 3) BGR; seen pixels and silhouette pixels (oversampled) per actor."""
    shape = view.sky_mask.shape
    buffers = Buffers(
        np.empty((*shape, 3), np.uint8),
        np.zeros(shape, np.float32),
        np.full(shape, -1, np.int32),
    )
    _ground(buffers.colour, stage, shot, view)
    _shadows(buffers.colour, stage, shot, view)
    _sky(buffers.colour, stage, shot, view)
    whole = draw(buffers, shot.faces, view.cam_from_ego, view.intrinsic, stage.textures)
    per_face = np.bincount(buffers.face[buffers.face >= 0], minlength=len(shot.faces.owners))
    seen: dict[int, int] = {}
    for row in np.flatnonzero((per_face > 0) & (shot.faces.owners >= 0)).tolist():
        owner = int(shot.faces.owners[row])
        seen[owner] = seen.get(owner, 0) + int(per_face[row])
    image = cv2.resize(
        buffers.colour, None, fx=1 / OVERSAMPLING, fy=1 / OVERSAMPLING, interpolation=cv2.INTER_AREA
    )
    return _lens(image, buffers, stage, view, rng), seen, whole


def _ground(image: Image, stage: Stage, shot: Shot, view: View) -> None:
    rows, ground = view.ground_rows, stage.ground
    if rows.stop <= rows.start:
        return
    size = (image.shape[1], rows.stop - rows.start)
    pose = shot.street_from_ego
    street_from_ground = np.array(
        [[pose[0, 0], pose[0, 1], pose[0, 3]], [pose[1, 0], pose[1, 1], pose[1, 3]], [0, 0, 1]]
    )
    shift = np.array([[1, 0, 0], [0, 1, rows.start], [0, 0, 1.0]])
    texel = ground.texture_from_street @ street_from_ground @ view.ground_from_pixel @ shift
    # level of detail: from texels per pixel, a quarter of the resolution per level
    detail = view.octave[rows] / 2 + np.float32(np.log2(ground.pixels_per_metre) / 2 + 0.25)
    result = None
    for level, picture in enumerate(ground.levels):
        scale = 0.25**level
        matrix = (
            np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2], [0, 0, 1]]) @ texel
        )
        warped = cv2.warpPerspective(
            picture,
            matrix,
            size,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        if result is None:
            result = warped
            continue
        weight = np.clip(detail - np.float32(level - 1), 0, 1)
        result = cv2.blendLinear(warped, result, weight, 1 - weight)
    image[rows] = result


def _shadows(image: Image, stage: Stage, shot: Shot, view: View) -> None:
    mask = np.zeros(image.shape[:2], np.uint8)
    for polygon in shot.shadows:
        clipped = clip_near(polygon @ view.cam_from_ego[:3, :3].T + view.cam_from_ego[:3, 3])
        if len(clipped) >= 3:
            pixels = np.clip(project(clipped, view.intrinsic), -1e5, 1e5)
            cv2.fillConvexPoly(mask, (pixels * 16).astype(np.int32), 255, cv2.LINE_8, 4)
    if not mask.any():
        return
    soft = cv2.GaussianBlur(mask, (5, 5), 0)
    rows = view.ground_rows
    keep = 255 - (soft[rows] * stage.street.weather.shadow).astype(np.uint8)
    image[rows] = cv2.multiply(image[rows], cv2.merge([keep, keep, keep]), scale=1 / 255)


def _sky(image: Image, stage: Stage, shot: Shot, view: View) -> None:
    rows = view.sky_rows
    if rows.stop <= rows.start:
        return
    pose = shot.street_from_ego
    heading = np.arctan2(pose[1, 0], pose[0, 0]) + stage.street.heading
    columns = np.mod(
        view.sky_column[rows] - np.float32(heading * SKY_WIDTH / (2 * np.pi)), SKY_WIDTH
    ).astype(np.float32)
    sky = cv2.remap(
        stage.sky, columns, view.sky_row[rows], cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
    )
    cv2.copyTo(sky, view.sky_mask[rows], image[rows])


def _lens(
    image: Image, buffers: Buffers, stage: Stage, view: View, rng: np.random.Generator
) -> Image:
    """Haze by distance, rain, grain."""
    weather = stage.street.weather
    height, width = image.shape[:2]
    nearest = np.maximum(buffers.inverse_depth, view.ground_inverse_depth)
    inverse = cv2.resize(nearest, (width, height), interpolation=cv2.INTER_AREA)
    clear = np.exp(-weather.haze * view.ray / np.maximum(inverse, 1 / 400)).astype(np.float32)
    veil = np.array(weather.horizon, np.float32) * 255
    if weather.name == "night":  # the ego's own headlights
        image = (
            image
            * (1 + 1.6 * view.beam * np.exp(-view.ray / np.maximum(inverse, 1 / 400) / 25))[
                ..., None
            ]
        )
    result = veil + (image - veil) * clear[..., None]
    if weather.rain:
        result = _rain(result, rng)
    row, column = int(rng.integers(0, 200)), int(rng.integers(0, 300))
    grain = stage.grain[row : row + height, column : column + width]
    if grain.shape[:2] != (height, width):
        grain = np.tile(stage.grain, (height // 512 + 1, width // 1024 + 1, 1))[:height, :width]
    return np.clip(result + grain, 0, 255).astype(np.uint8)


def _rain(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Slanted streaks, lighter than what is behind."""
    height, width = image.shape[:2]
    streaks = np.zeros((height, width), np.float32)
    for _ in range(max(20, width // 5)):
        x, y = int(rng.integers(0, width)), int(rng.integers(-height // 5, height))
        length = int(rng.integers(height // 20, height // 7 + 2))
        cv2.line(
            streaks,
            (x, y),
            (x - length // 8, y + length),
            float(rng.uniform(0.06, 0.22)),
            1,
            cv2.LINE_8,
        )
    return image + streaks[..., None] * (235 - image)
