"""From the categories of the annotations to the ten classes of the detection task."""

# nuScenes detection task, "Detection classes"; the devkit's category_to_detection_name agrees.
DETECTION_CLASS_OF = {
    "movable_object.barrier": "barrier",
    "vehicle.bicycle": "bicycle",
    "vehicle.bus.bendy": "bus",
    "vehicle.bus.rigid": "bus",
    "vehicle.car": "car",
    "vehicle.construction": "construction_vehicle",
    "vehicle.motorcycle": "motorcycle",
    "human.pedestrian.adult": "pedestrian",
    "human.pedestrian.child": "pedestrian",
    "human.pedestrian.construction_worker": "pedestrian",
    "human.pedestrian.police_officer": "pedestrian",
    "movable_object.trafficcone": "traffic_cone",
    "vehicle.trailer": "trailer",
    "vehicle.truck": "truck",
}

# Categories of nuScenes that the detection task leaves out.
IGNORED_CATEGORIES = frozenset(
    {
        "animal",
        "human.pedestrian.personal_mobility",
        "human.pedestrian.stroller",
        "human.pedestrian.wheelchair",
        "movable_object.debris",
        "movable_object.pushable_pullable",
        "static_object.bicycle_rack",
        "vehicle.emergency.ambulance",
        "vehicle.emergency.police",
    }
)

# Name spaces of the categories that nuScenes-lidarseg adds for points; no box carries them.
_POINT_CATEGORIES = ("flat.", "static.", "noise", "vehicle.ego")


def is_known_category(name: str) -> bool:
    """Whether nuScenes has this category, with or without a class in the detection task."""
    return (
        name in DETECTION_CLASS_OF
        or name in IGNORED_CATEGORIES
        or name.startswith(_POINT_CATEGORIES)
    )
