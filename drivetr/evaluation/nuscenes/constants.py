"""The numbers of the official nuScenes detection task (devkit: `detection_cvpr_2019`).

They stand here so that writing and checking a submission need not import the devkit; a test holds
them to it.
"""

# Boxes whose centre is farther from the car (metres, in the ground plane) are not evaluated.
CLASS_RANGE = {
    "car": 50.0,
    "truck": 50.0,
    "bus": 50.0,
    "trailer": 50.0,
    "construction_vehicle": 50.0,
    "pedestrian": 40.0,
    "motorcycle": 40.0,
    "bicycle": 40.0,
    "traffic_cone": 30.0,
    "barrier": 30.0,
}

MAX_BOXES_PER_SAMPLE = 500

META_FLAGS = ("use_camera", "use_lidar", "use_radar", "use_map", "use_external")
CAMERA_ONLY_META = {flag: flag == "use_camera" for flag in META_FLAGS}

_VEHICLE = ("vehicle.moving", "vehicle.parked", "vehicle.stopped")
_CYCLE = ("cycle.with_rider", "cycle.without_rider")
_PEDESTRIAN = ("pedestrian.moving", "pedestrian.sitting_lying_down", "pedestrian.standing")
ATTRIBUTES_OF: dict[str, tuple[str, ...]] = {
    "car": _VEHICLE,
    "truck": _VEHICLE,
    "bus": _VEHICLE,
    "trailer": _VEHICLE,
    "construction_vehicle": _VEHICLE,
    "pedestrian": _PEDESTRIAN,
    "motorcycle": _CYCLE,
    "bicycle": _CYCLE,
    "traffic_cone": (),
    "barrier": (),
}
