"""The nuScenes tables and the fields of them that drivetr reads."""

import math
from collections.abc import Callable
from enum import Enum, auto

# Version of the index on disk; raise it whenever a column changes its meaning or name.
SCHEMA_VERSION = 3

# A text longer than this is damage: columns are as wide as their longest text.
MAX_TEXT_BYTES = 4096


class Kind(Enum):
    """What a field of a table row has to be."""

    TEXT = auto()
    TEXTS = auto()
    INTEGER = auto()
    FLAG = auto()
    VECTOR3 = auto()
    QUATERNION = auto()
    INTRINSIC = auto()


TABLES: dict[str, dict[str, Kind]] = {
    "category": {"token": Kind.TEXT, "name": Kind.TEXT},
    "attribute": {"token": Kind.TEXT, "name": Kind.TEXT},
    "visibility": {"token": Kind.TEXT},
    "sensor": {"token": Kind.TEXT, "channel": Kind.TEXT, "modality": Kind.TEXT},
    "log": {"token": Kind.TEXT, "location": Kind.TEXT},
    "map": {"token": Kind.TEXT, "filename": Kind.TEXT, "log_tokens": Kind.TEXTS},
    "calibrated_sensor": {
        "token": Kind.TEXT,
        "sensor_token": Kind.TEXT,
        "translation": Kind.VECTOR3,
        "rotation": Kind.QUATERNION,
        "camera_intrinsic": Kind.INTRINSIC,
    },
    "scene": {
        "token": Kind.TEXT,
        "name": Kind.TEXT,
        "description": Kind.TEXT,
        "log_token": Kind.TEXT,
        "first_sample_token": Kind.TEXT,
        "last_sample_token": Kind.TEXT,
    },
    "sample": {
        "token": Kind.TEXT,
        "timestamp": Kind.INTEGER,
        "prev": Kind.TEXT,
        "next": Kind.TEXT,
        "scene_token": Kind.TEXT,
    },
    "sample_data": {
        "token": Kind.TEXT,
        "sample_token": Kind.TEXT,
        "ego_pose_token": Kind.TEXT,
        "calibrated_sensor_token": Kind.TEXT,
        "timestamp": Kind.INTEGER,
        "is_key_frame": Kind.FLAG,
        "height": Kind.INTEGER,
        "width": Kind.INTEGER,
        "filename": Kind.TEXT,
        "prev": Kind.TEXT,
        "next": Kind.TEXT,
    },
    "ego_pose": {
        "token": Kind.TEXT,
        "translation": Kind.VECTOR3,
        "rotation": Kind.QUATERNION,
    },
    "instance": {
        "token": Kind.TEXT,
        "category_token": Kind.TEXT,
        "first_annotation_token": Kind.TEXT,
        "last_annotation_token": Kind.TEXT,
    },
    "sample_annotation": {
        "token": Kind.TEXT,
        "sample_token": Kind.TEXT,
        "instance_token": Kind.TEXT,
        "visibility_token": Kind.TEXT,
        "attribute_tokens": Kind.TEXTS,
        "translation": Kind.VECTOR3,
        "size": Kind.VECTOR3,
        "rotation": Kind.QUATERNION,
        "prev": Kind.TEXT,
        "next": Kind.TEXT,
        "num_lidar_pts": Kind.INTEGER,
        "num_radar_pts": Kind.INTEGER,
    },
}


def _is_text(value: object) -> bool:
    if type(value) is not str or "\0" in value:
        return False
    if value.isascii():
        return len(value) <= MAX_TEXT_BYTES
    try:
        return len(value.encode()) <= MAX_TEXT_BYTES
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can name
        return False


def _is_integer(value: object) -> bool:
    return type(value) is int and -(2**63) <= value < 2**63


def _is_number(value: object) -> bool:
    return type(value) is float or (type(value) is int and abs(value) < 2**53)


def _is_vector(value: object, length: int) -> bool:
    return type(value) is list and len(value) == length and all(map(_is_number, value))


def _is_intrinsic(value: object) -> bool:
    if type(value) is not list:
        return False
    return not value or (len(value) == 3 and all(_is_vector(row, 3) for row in value))


# For every kind: the test, what an error message calls it, and what stands in for a bad value
# while the rest of the table is still examined.
KIND_RULES: dict[Kind, tuple[Callable[[object], bool], str, object]] = {
    Kind.TEXT: (_is_text, f"a text of at most {MAX_TEXT_BYTES} bytes", ""),
    Kind.TEXTS: (
        lambda value: type(value) is list and all(map(_is_text, value)),
        "a list of texts",
        [],
    ),
    Kind.INTEGER: (_is_integer, "a whole number", 0),
    Kind.FLAG: (lambda value: type(value) is bool, "true or false", False),
    Kind.VECTOR3: (lambda value: _is_vector(value, 3), "3 numbers", [1.0, 1.0, 1.0]),
    Kind.QUATERNION: (
        lambda value: _is_vector(value, 4),
        "4 numbers w, x, y, z",
        [1.0, 0.0, 0.0, 0.0],
    ),
    Kind.INTRINSIC: (_is_intrinsic, "a 3x3 matrix (or [] for other sensors)", []),
}

NO_INTRINSIC = [[math.nan] * 3] * 3
