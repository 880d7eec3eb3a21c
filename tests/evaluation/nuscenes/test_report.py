import json
import math

import pytest

from drivetr.evaluation.nuscenes.constants import CLASS_RANGE
from drivetr.evaluation.nuscenes.report import format_metrics


@pytest.fixture
def metrics():
    errors = ("trans_err", "scale_err", "orient_err", "vel_err", "attr_err")
    label_errors = {name: dict.fromkeys(errors, 0.25) for name in CLASS_RANGE}
    label_errors["traffic_cone"] |= dict.fromkeys(errors[2:], math.nan)
    distances = {"0.5": 0.1, "1.0": 0.2, "2.0": 0.3, "4.0": 0.4}
    return {
        "label_aps": {name: distances for name in CLASS_RANGE},
        "mean_dist_aps": {name: 0.0 for name in CLASS_RANGE} | {"car": 0.9, "barrier": 0.3},
        "mean_ap": 0.12,
        "label_tp_errors": label_errors,
        "tp_errors": dict(zip(errors, (0.1, 0.2, 0.3, 0.4, 0.5), strict=True)),
        "nd_score": 0.34567,
    }


def test_summary_and_rows(metrics):
    lines = format_metrics(metrics).splitlines()
    assert lines[0] == "NDS 0.3457   mAP 0.1200"
    assert lines[1] == "mATE 0.1000   mASE 0.2000   mAOE 0.3000   mAVE 0.4000   mAAE 0.5000"
    assert lines[3].split() == ["class", "AP", "AP@0.5m", "AP@1.0m", "AP@2.0m", "AP@4.0m",
                                "ATE", "ASE", "AOE", "AVE", "AAE"]  # fmt: skip
    rows = {line.split()[0]: line.split()[1:] for line in lines[4:]}
    assert list(rows) == list(CLASS_RANGE)
    assert rows["car"] == ["0.900", "0.100", "0.200", "0.300", "0.400", *["0.250"] * 5]
    assert rows["traffic_cone"][-3:] == ["-", "-", "-"]
    assert len({len(line) for line in lines[3:]}) == 1


def test_counts_of_truth(metrics):
    counts = dict.fromkeys(CLASS_RANGE, 0) | {"car": 12, "barrier": 3}
    text = format_metrics(metrics | {"drivetr": {"num_truth": counts}})
    assert "mAP over the 2 of 10 classes that have ground truth here: 0.6000" in text
    assert next(line for line in text.splitlines() if line[:4] == "car ").split()[1] == "12"
    assert "classes that have" not in format_metrics(
        metrics | {"drivetr": {"num_truth": dict.fromkeys(CLASS_RANGE, 1)}}
    )


def test_takes_what_came_through_json(metrics):
    assert format_metrics(json.loads(json.dumps(metrics))) == format_metrics(metrics)


def test_no_truth_left_is_said_aloud(metrics):
    empty = metrics | {"drivetr": {"num_truth": dict.fromkeys(CLASS_RANGE, 0)}}
    assert "No box of the ground truth is left" in format_metrics(empty)
    assert "No box" not in format_metrics(metrics)
