"""Light and air: day, dusk, night, rain, fog."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from drivetr.data.synth.mesh import Colour

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Weather:
    """What lights the street and what hides it; colours are BGR in 0..1."""

    name: str
    phrase: str  # for the scene description
    ambient: Colour
    sun: Colour
    sun_elevation_deg: float
    zenith: Colour
    horizon: Colour
    clouds: float  # share of the sky
    haze: float  # extinction per metre
    lamps: float  # 0 off .. 1 on: street lamps, windows, lights of vehicles
    shadow: float  # darkness of cast shadows, 0 none
    rain: bool = False
    sun_azimuth: float = 0.0  # in the street's frame, radians

    @property
    def sun_direction(self) -> Array:
        """Unit vector towards the sun, street frame."""
        elevation = math.radians(self.sun_elevation_deg)
        flat = math.cos(elevation)
        return np.array(
            [
                flat * math.cos(self.sun_azimuth),
                flat * math.sin(self.sun_azimuth),
                math.sin(elevation),
            ]
        )

    def light(self, normals: Array) -> Array:
        """Light (F, 3) that falls on faces with these normals (street frame)."""
        sky = (0.72 + 0.28 * normals[:, 2:3]) * np.array(self.ambient)
        return sky + np.clip(normals @ self.sun_direction, 0, None)[:, None] * np.array(self.sun)


WEATHERS = (
    Weather(
        "day",
        "Day, sunny",
        (0.76, 0.72, 0.68),
        (0.50, 0.58, 0.62),
        42,
        (0.80, 0.58, 0.36),
        (0.93, 0.87, 0.80),
        0.35,
        0.0012,
        0.2,
        0.5,
    ),
    Weather(
        "day",
        "Day, overcast",
        (0.95, 0.94, 0.93),
        (0.06, 0.06, 0.06),
        60,
        (0.76, 0.72, 0.69),
        (0.88, 0.87, 0.86),
        0.9,
        0.002,
        0.25,
        0.28,
    ),
    Weather(
        "dusk",
        "Dusk",
        (0.58, 0.50, 0.49),
        (0.22, 0.38, 0.55),
        11,
        (0.52, 0.32, 0.26),
        (0.42, 0.62, 0.93),
        0.5,
        0.003,
        0.8,
        0.35,
    ),
    Weather(
        "night",
        "Night",
        (0.33, 0.27, 0.25),
        (0.05, 0.04, 0.04),
        59,
        (0.10, 0.06, 0.04),
        (0.22, 0.16, 0.13),
        0.2,
        0.002,
        1.0,
        0.25,
    ),
    Weather(
        "rain",
        "Rain",
        (0.66, 0.64, 0.61),
        (0.0, 0.0, 0.0),
        60,
        (0.58, 0.54, 0.51),
        (0.71, 0.69, 0.67),
        1.0,
        0.009,
        0.8,
        0.2,
        True,
    ),
    Weather(
        "fog",
        "Fog",
        (0.80, 0.80, 0.79),
        (0.0, 0.0, 0.0),
        60,
        (0.83, 0.83, 0.82),
        (0.82, 0.82, 0.81),
        1.0,
        0.030,
        0.7,
        0.15,
    ),
)
_SHARES = (0.30, 0.22, 0.15, 0.12, 0.12, 0.09)


def draw_weather(rng: np.random.Generator, number: int) -> Weather:
    """The weather of a drive: the first six show each once, later ones are drawn by share."""
    row = number if number < len(WEATHERS) else int(rng.choice(len(WEATHERS), p=_SHARES))
    chosen = WEATHERS[row]
    return replace(
        chosen,
        sun_azimuth=float(rng.uniform(-math.pi, math.pi)),
        sun_elevation_deg=float(chosen.sun_elevation_deg * rng.uniform(0.75, 1.25)),
    )
