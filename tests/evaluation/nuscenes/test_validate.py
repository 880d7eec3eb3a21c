import copy
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nuscenes.eval.common.data_classes import EvalBoxes
from nuscenes.eval.detection.data_classes import DetectionBox

from drivetr.errors import DrivetrError
from drivetr.evaluation.nuscenes.constants import CAMERA_ONLY_META
from drivetr.evaluation.nuscenes.validate import check_submission, check_tokens, check_tracks

BOX = {
    "sample_token": "s1",
    "translation": [1.0, 2.0, 3.0],
    "size": [1.9, 4.5, 1.6],
    "rotation": [0.6, 0.0, 0.0, 0.8],
    "velocity": [0.0, 1.5],
    "detection_name": "car",
    "detection_score": 0.5,
    "attribute_name": "vehicle.moving",
}
GOOD = {"meta": CAMERA_ONLY_META, "results": {"s0": [], "s1": [BOX, dict(BOX)]}}
MISSING = object()

BOX_FAULTS = [
    # field, value, what the sentence says of it
    ("detection_score", math.inf, "detection_score is inf, expected a number from 0 to 1"),
    ("detection_score", math.nan, "detection_score is nan"),
    ("detection_score", 2.0, "detection_score is 2.0"),
    ("detection_score", -0.1, "detection_score is -0.1"),
    ("detection_score", "0.5", "detection_score is '0.5'"),
    ("detection_score", True, "detection_score is True"),
    ("detection_score", None, "detection_score is None"),
    ("detection_score", MISSING, "detection_score is missing"),
    ("size", [0.0, 1.0, 1.0], "size is [0.0, 1.0, 1.0], expected width, length, height above zero"),
    ("size", [1.0, -1.0, 1.0], "above zero"),
    ("size", [1.0, math.inf, 1.0], "expected 3 finite numbers"),
    ("size", [1.0, 1.0], "size has 2 entries, expected a list of 3 numbers"),
    ("size", 3.0, "size has a number, expected a list of 3"),
    ("rotation", [0.0, 0.0, 0.0, 0.0], "norm 0, expected a unit quaternion"),
    ("rotation", [1.0, 0.0, 0.0, 1.0], "norm 1.414"),
    ("rotation", [1.0, 0.0, 0.0], "rotation has 3 entries"),
    ("rotation", [math.nan, 0.0, 0.0, 1.0], "expected 4 finite numbers"),
    ("translation", [0.0, math.nan, 0.0], "translation is [0.0, nan, 0.0]"),
    ("translation", [0.0, math.inf, 0.0], "expected 3 finite numbers"),
    ("translation", [0.0, 0.0, "1"], "expected 3 finite numbers"),
    ("translation", [10**400, 0, 0], "expected 3 finite numbers"),
    ("velocity", [math.nan, math.nan], "velocity is [nan, nan]"),
    ("velocity", [0.0, -math.inf], "velocity is [0.0, -inf]"),
    ("velocity", [0.0, 0.0, 0.0], "velocity has 3 entries, expected a list of 2"),
    ("velocity", MISSING, "velocity is missing"),
    ("detection_name", "tram", "detection_name is 'tram', expected one of car, truck"),
    ("detection_name", ["car"], "detection_name is ['car']"),
    ("attribute_name", "cycle.with_rider", "attribute_name of a car is 'cycle.with_rider'"),
    ("attribute_name", "vehicle.flying", "expected '' or 'vehicle.moving' or"),
    ("attribute_name", None, "attribute_name of a car is None"),
    ("attribute_name", MISSING, "attribute_name is missing"),
    ("sample_token", "s0", "sample_token is 's0', expected the token it is listed under"),
    ("sample_token", MISSING, "sample_token is missing"),
    ("num_pts", 1.5, "num_pts is 1.5, expected an integer"),
    ("ego_translation", [1.0], "ego_translation has 1 entries"),
]


@pytest.mark.parametrize(("field", "value", "told"), BOX_FAULTS)
def test_fault_in_one_box(field, value, told):
    content = copy.deepcopy(GOOD)
    box = content["results"]["s1"][1]
    if value is MISSING:
        del box[field]
    else:
        box[field] = value
    with pytest.raises(DrivetrError) as caught:
        check_submission(content, "dir/results.json")
    message = str(caught.value)
    assert message.startswith("dir/results.json: sample s1, box 1: ")
    assert told in message
    assert "\n" not in message


def test_attribute_of_a_class_without_any():
    box = BOX | {"detection_name": "barrier"}
    with pytest.raises(DrivetrError, match="attribute_name of a barrier is .* expected ''[.]"):
        check_submission({"meta": CAMERA_ONLY_META, "results": {"s1": [box]}}, "r.json")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"meta": MISSING}, "field meta is missing"),
        ({"meta": None}, "field meta is null"),
        ({"meta": CAMERA_ONLY_META | {"use_map": "no"}}, "meta.use_map is 'no', expected true or"),
        ({"results": MISSING}, "field results is missing"),
        ({"results": [BOX]}, "field results is a list"),
        ({"results": {"s1": BOX}}, "sample s1 holds an object, expected a list of boxes"),
        ({"results": {"s1": None}}, "sample s1 holds null"),
        ({"results": {"s1": ["box"]}}, "sample s1, box 0: a string instead of an object"),
        ({"results": {"s1": [BOX] * 501}}, "sample s1 has 501 boxes, expected 500 at most"),
    ],
)
def test_fault_around_the_boxes(change, told):
    content = {k: v for k, v in (GOOD | change).items() if v is not MISSING}
    with pytest.raises(DrivetrError) as caught:
        check_submission(content, "r.json")
    assert str(caught.value).startswith("r.json: ")
    assert told in str(caught.value)


@pytest.mark.parametrize("content", [[], "text", 3, None, True])
def test_no_object(content):
    with pytest.raises(DrivetrError, match="r.json holds .* fields meta and results"):
        check_submission(content, "r.json")


@pytest.mark.parametrize(
    "change",
    [{"attribute_name": ""}, {"detection_score": 1}, {"detection_score": 0}, {"num_pts": -1},
     {"rotation": [1, 0, 0, 0]}, {"rotation": [0.6004, 0, 0, 0.8]}, {"note": "extra fields pass"}],
)  # fmt: skip
def test_what_is_allowed(change):
    content = {"meta": CAMERA_ONLY_META, "results": {"s1": [BOX | change] * 500}}
    check_submission(content, "r.json")
    EvalBoxes.deserialize(content["results"], DetectionBox)


def test_missing_flag_is_told(caplog):
    check_submission({"meta": {"use_camera": True}, "results": {}}, "r.json")
    assert "meta has no flag use_lidar" in caplog.text


number = st.floats(width=32) | st.integers(-2, 2)
json_value = st.none() | st.booleans() | number | st.text(max_size=3) | st.lists(number, max_size=5)


@settings(max_examples=300, deadline=None)
@given(field=st.sampled_from([*BOX, "num_pts", "ego_translation"]), value=json_value)
def test_the_devkit_takes_whatever_passes(field, value):
    content = {"meta": CAMERA_ONLY_META, "results": {"s1": [BOX | {field: value}]}}
    try:
        check_submission(content, "r.json")
    except DrivetrError:
        return
    (box,) = EvalBoxes.deserialize(json.loads(json.dumps(content["results"])), DetectionBox).all
    assert box.serialize()[field] is not None


class TestTokens:
    tokens = {
        "": [f"{split}{i}" for split in ("tr", "va", "cu") for i in range(4)],
        "train": [f"tr{i}" for i in range(4)],
        "val": [f"va{i}" for i in range(4)],
        "custom": [f"cu{i}" for i in range(4)],
        "small": ["va0", "va1"],
    }

    def told(self, given, split):
        with pytest.raises(DrivetrError) as caught:
            check_tokens(given, self.tokens[split], self.tokens, split, "r.json")
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def test_fits_in_any_order(self):
        check_tokens(["va3", "va2", "va1", "va0"], self.tokens["val"], self.tokens, "val", "r.json")

    def test_missing(self):
        told = self.told(["va0", "va1", "va2"], "val")
        assert told.startswith("r.json does not fit split val: 1 of the split's 4 samples are miss")
        assert "(first va3)" in told
        assert "may be an empty list" in told

    def test_extra(self):
        told = self.told([*self.tokens["val"], "tr1"], "val")
        assert "1 samples are not in the split (first tr1)" in told

    @pytest.mark.parametrize(("found", "split"), [("train", "val"), ("val", "custom")])
    def test_made_for_another_split(self, found, split):
        told = self.told(self.tokens[found], split)
        assert "4 of the split's 4 samples are missing" in told
        assert "4 samples are not in the split" in told
        assert f"exactly the samples of split {found}, which --split {found} would" in told

    def test_smaller_split(self):
        assert "exactly the samples of split small" in self.told(["va0", "va1"], "val")

    def test_nearly_another_split(self):
        assert "most like the samples of split train" in self.told(["tr0", "tr1", "tr2"], "val")

    def test_another_dataset(self):
        assert "none of its tokens is a sample of this version" in self.told(["x", "y"], "custom")

    def test_empty(self):
        assert "4 of the split's 4 samples are missing" in self.told([], "val")

    def test_custom_split_as_part_of_a_submission(self, caplog):
        given = [*self.tokens["custom"], "va0"]
        check_tokens(given, self.tokens["custom"], self.tokens, "custom", "r.json")
        assert "1 samples outside of split custom are passed over" in caplog.text
        assert "2 samples are not in the split (first x, va0)" in self.told([*given, "x"], "custom")


TRACK = {key: BOX[key] for key in ("sample_token", "translation", "size", "rotation", "velocity")}
TRACK |= {"tracking_id": "7", "tracking_name": "car", "tracking_score": 0.5}


class TestTracks:
    def told(self, **change):
        box = {key: value for key, value in (TRACK | change).items() if value is not None}
        with pytest.raises(DrivetrError) as error:
            check_tracks(
                {"meta": CAMERA_ONLY_META, "results": {TRACK["sample_token"]: [box]}}, "t.json"
            )
        return str(error.value)

    def test_what_is_allowed(self):
        check_tracks(
            {"meta": CAMERA_ONLY_META, "results": {TRACK["sample_token"]: [TRACK, TRACK]}}, "t.json"
        )

    def test_faults(self):
        assert "tracking_name is 'barrier', expected one of bicycle" in self.told(
            tracking_name="barrier"
        )
        assert "tracking_id is 7, expected a string" in self.told(tracking_id=7)
        assert "field tracking_score is nan" in self.told(tracking_score=float("nan"))
        assert "field tracking_id is missing" in self.told(tracking_id=None)
        assert "field size is [0, 1, 1]" in self.told(size=[0, 1, 1])
