"""The checks that stand before the devkit, which accepts infinite scores and zero sizes.

Every function raises one `DrivetrError` whose sentence names the file, the sample token, the number
of the box (from 0), the field, what was found and what is expected.
"""

import logging
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from drivetr.errors import DrivetrError
from drivetr.evaluation.nuscenes.constants import (
    ATTRIBUTES_OF,
    MAX_BOXES_PER_SAMPLE,
    META_FLAGS,
)
from drivetr.evaluation.nuscenes.tracks import CENTER_LIMITS
from drivetr.structures.splits import OFFICIAL_SPLITS

_log = logging.getLogger(__name__)

_VECTORS = (("translation", 3), ("size", 3), ("rotation", 4), ("velocity", 2))
_UNIT_TOLERANCE = 1e-3  # what rounding to three decimals may do to a quaternion


class _BoxError(Exception):
    """What is wrong with one box, before file and place are known."""


def check_submission(content: Any, path: str | Path) -> None:
    """Checks everything about a submission that can be checked without its dataset.

    Args:
        content: what the JSON file holds.
        path: the file, for the message.

    Raises:
        DrivetrError: the first thing that is wrong.
    """
    _check_content(content, path, _check_box)


def check_tracks(content: Any, path: str | Path) -> None:
    """Checks a tracking submission as `check_submission` does a detection submission.

    Raises:
        DrivetrError: the first thing that is wrong.
    """
    _check_content(content, path, _check_track)


def _check_content(
    content: Any, path: str | Path, check_box: Callable[[str, dict[str, Any]], None]
) -> None:
    """Checks a submission whose boxes are checked by a function."""
    if not isinstance(content, dict):
        raise DrivetrError(
            f"{path} holds {_kind(content)}, but a submission is an object with the fields"
            " meta and results."
        )
    _check_meta(content, path)
    if not isinstance(results := content.get("results"), dict):
        found = "is missing" if "results" not in content else f"is {_kind(results)}"
        raise DrivetrError(
            f"{path}: field results {found}, but it has to map every sample token to a list of"
            " boxes."
        )
    for token, boxes in results.items():
        _check_sample(token, boxes, path, check_box)


def check_tokens(
    tokens: Collection[str],
    expected: Collection[str],
    tokens_of_split: Mapping[str, Collection[str]],
    split: str,
    path: str | Path,
) -> None:
    """Checks that a submission covers a split, and guesses the split that it was made for.

    A split of the user's own may be a part of what was submitted, as in the devkit: samples of the
    dataset that lie outside of it are passed over with a warning. For the official splits, and for
    tokens that are no samples of the dataset, surplus samples are an error.

    Args:
        tokens: sample tokens of the submission.
        expected: sample tokens of the split.
        tokens_of_split: sample tokens of every split of the dataset, and under '' of all of it.
        split: name of the split; official ones have no key in `tokens_of_split` to tell them.
        path: the submission, for the message.

    Raises:
        DrivetrError: samples are missing or too many.
    """
    given, wanted = set(tokens), set(expected)
    missing = [token for token in expected if token not in given]
    extra = [token for token in tokens if token not in wanted]
    if not missing and not extra:
        return
    everything = set(tokens_of_split[""])
    extra.sort(key=everything.__contains__)  # what no split has comes first
    if not missing and split not in OFFICIAL_SPLITS and everything.issuperset(extra):
        _log.warning("%s: %d samples outside of split %s are passed over", path, len(extra), split)
        return
    parts = []
    if missing:
        parts.append(f"{len(missing)} of the split's {len(wanted)} samples are missing")
        parts[-1] += f" (first {', '.join(missing[:3])})"
    if extra:
        parts.append(f"{len(extra)} samples are not in the split (first {', '.join(extra[:3])})")
    raise DrivetrError(
        f"{path} does not fit split {split}: {' and '.join(parts)};"
        f" {_advice(given, wanted, tokens_of_split, split)}"
    )


def _advice(
    given: set[str],
    wanted: set[str],
    tokens_of_split: Mapping[str, Collection[str]],
    split: str,
) -> str:
    """How to mend a submission that does not fit its split."""
    known = given & set(tokens_of_split[""])
    if given and not known:
        return (
            "none of its tokens is a sample of this version, so it was made for another version or"
            " dataset."
        )
    candidates = [
        (len(given ^ members), name)
        for name, members in ((n, set(t)) for n, t in tokens_of_split.items() if n and n != split)
        if given & members
    ]
    if candidates and min(candidates)[0] < len(given ^ wanted):
        distance, name = min(candidates)
        likeness = "exactly the samples" if distance == 0 else "most like the samples"
        return f"they are {likeness} of split {name}, which --split {name} would choose."
    return "every sample needs an entry, which may be an empty list, and no other may have one."


def _check_meta(content: dict[str, Any], path: str | Path) -> None:
    """Checks the flags that tell which inputs were used."""
    if not isinstance(meta := content.get("meta"), dict):
        found = "is missing" if "meta" not in content else f"is {_kind(meta)}"
        raise DrivetrError(
            f"{path}: field meta {found}, but it has to be an object with the true-or-false flags"
            f" {', '.join(META_FLAGS)}."
        )
    for flag in META_FLAGS:
        if flag not in meta:
            _log.warning("%s: meta has no flag %s, which the official server asks for", path, flag)
        elif not isinstance(meta[flag], bool):
            raise DrivetrError(f"{path}: meta.{flag} is {meta[flag]!r}, expected true or false.")


def _check_sample(
    token: str, boxes: Any, path: str | Path, check_box: Callable[[str, dict[str, Any]], None]
) -> None:
    """Checks the boxes of one sample."""
    if not isinstance(boxes, list):
        raise DrivetrError(
            f"{path}: sample {token} holds {_kind(boxes)}, expected a list of boxes, which may be"
            " empty."
        )
    if len(boxes) > MAX_BOXES_PER_SAMPLE:
        raise DrivetrError(
            f"{path}: sample {token} has {len(boxes)} boxes, expected {MAX_BOXES_PER_SAMPLE} at"
            " most; keep those with the highest scores."
        )
    for number, box in enumerate(boxes):
        try:
            if not isinstance(box, dict):
                raise _BoxError(f"{_kind(box)} instead of an object with the fields of a box")
            check_box(token, box)
        except _BoxError as problem:
            raise DrivetrError(f"{path}: sample {token}, box {number}: {problem}.") from None


def _check_box(token: str, box: dict[str, Any]) -> None:
    """Raises _BoxError for the first field of a box that the task does not allow."""
    if "tracking_id" in box and "detection_name" not in box:
        raise _BoxError(
            "this is a box of a tracking submission, expected the fields detection_name,"
            " detection_score and attribute_name of a detection submission; `drivetr track` makes"
            " and judges tracks, `drivetr replay` shows them"
        )
    _check_place(token, box)
    _check_score("detection_score", _field(box, "detection_score"))
    _check_names(_field(box, "detection_name"), _field(box, "attribute_name"))
    _check_optional(box)


def _check_track(token: str, box: dict[str, Any]) -> None:
    """Raises _BoxError for the first field of a tracked box that the task does not allow."""
    _check_place(token, box)
    _check_score("tracking_score", _field(box, "tracking_score"))
    if not isinstance(name := _field(box, "tracking_name"), str) or name not in CENTER_LIMITS:
        choice = ", ".join(CENTER_LIMITS)
        raise _BoxError(f"field tracking_name is {name!r}, expected one of {choice}")
    if not isinstance(track := _field(box, "tracking_id"), str):
        raise _BoxError(f"field tracking_id is {track!r}, expected a string")


def _check_place(token: str, box: dict[str, Any]) -> None:
    """Raises _BoxError for a wrong sample, position, size, direction or velocity."""
    if (found := _field(box, "sample_token")) != token:
        raise _BoxError(f"field sample_token is {found!r}, expected the token it is listed under")
    for name, length in _VECTORS:
        _check_vector(name, _field(box, name), length)
    if min(box["size"]) <= 0:
        raise _BoxError(f"field size is {box['size']}, expected width, length, height above zero")
    norm = math.hypot(*box["rotation"])
    if abs(norm - 1) > _UNIT_TOLERANCE:
        raise _BoxError(
            f"field rotation is {box['rotation']} with norm {norm:.4g}, expected a unit quaternion"
            " w, x, y, z"
        )


def _check_vector(name: str, values: Any, length: int) -> None:
    """Raises _BoxError unless `values` is a list of so many finite numbers."""
    if not isinstance(values, list) or len(values) != length:
        found = f"{len(values)} entries" if isinstance(values, list) else _kind(values)
        raise _BoxError(f"field {name} has {found}, expected a list of {length} numbers")
    for value in values:
        if not _is_finite(value):
            raise _BoxError(f"field {name} is {values}, expected {length} finite numbers")


def _check_score(name: str, score: Any) -> None:
    """Raises _BoxError unless the score is a number in 0..1."""
    if not _is_finite(score) or not 0 <= score <= 1:
        raise _BoxError(f"field {name} is {score!r}, expected a number from 0 to 1")


def _check_names(detection_name: Any, attribute: Any) -> None:
    """Raises _BoxError for an unknown class or an attribute that the class does not have."""
    if not isinstance(detection_name, str) or detection_name not in ATTRIBUTES_OF:
        raise _BoxError(
            f"field detection_name is {detection_name!r}, expected one of"
            f" {', '.join(ATTRIBUTES_OF)}"
        )
    allowed = ATTRIBUTES_OF[detection_name]
    if attribute != "" and attribute not in allowed:
        choice = " or ".join(repr(name) for name in ("", *allowed))
        raise _BoxError(
            f"field attribute_name of a {detection_name} is {attribute!r}, expected {choice}"
        )


def _check_optional(box: dict[str, Any]) -> None:
    """Raises _BoxError for fields that the devkit reads where they are given."""
    if "ego_translation" in box:
        _check_vector("ego_translation", box["ego_translation"], 3)
    if "num_pts" in box and type(box["num_pts"]) is not int:
        raise _BoxError(f"field num_pts is {box['num_pts']!r}, expected an integer")


def _field(box: dict[str, Any], name: str) -> Any:
    """A field that has to be there."""
    if name not in box:
        raise _BoxError(f"field {name} is missing")
    return box[name]


def _is_finite(value: Any) -> bool:
    """Whether a JSON value is a number other than NaN and infinity (true and false are none)."""
    kind = type(value)
    return kind is float and math.isfinite(value) or kind is int and abs(value) < 1 << 1023


def _kind(value: Any) -> str:
    """What JSON calls a value of this type, with its article."""
    names: Sequence[tuple[type, str]] = (
        (dict, "an object"), (list, "a list"), (str, "a string"), (bool, "true or false"),
        (int, "a number"), (float, "a number"),
    )  # fmt: skip
    return next((name for kind, name in names if isinstance(value, kind)), "null")
