"""The attribute of a detection, guessed from its class and speed.

Detectors of this family predict no attributes. The rules are those that all tools descended from
mmdetection3d share, so that the attribute error (mAAE) can be compared with published ones.
"""

MOVING_SPEED = 0.2  # metres per second; a box moves when it is faster than this

_WHEN_MOVING = {
    "car": "vehicle.moving",
    "construction_vehicle": "vehicle.moving",
    "bus": "vehicle.moving",
    "truck": "vehicle.moving",
    "trailer": "vehicle.moving",
    "bicycle": "cycle.with_rider",
    "motorcycle": "cycle.with_rider",
    "pedestrian": "pedestrian.moving",
    "barrier": "",
    "traffic_cone": "",
}
_WHEN_STILL = {
    "car": "vehicle.parked",
    "construction_vehicle": "vehicle.parked",
    "bus": "vehicle.stopped",
    "truck": "vehicle.parked",
    "trailer": "vehicle.parked",
    "bicycle": "cycle.without_rider",
    "motorcycle": "cycle.without_rider",
    "pedestrian": "pedestrian.standing",
    "barrier": "",
    "traffic_cone": "",
}


def attribute_name(detection_name: str, speed: float) -> str:
    """The likeliest attribute of a class at a speed; '' for classes that have none.

    Args:
        detection_name: one of the ten detection classes.
        speed: metres per second over ground; NaN, an unknown speed, counts as standing still.
    """
    return (_WHEN_MOVING if speed > MOVING_SPEED else _WHEN_STILL)[detection_name]
