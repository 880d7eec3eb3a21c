import math

from drivetr.evaluation.nuscenes.tracking_report import format_tracking

NAMES = ("bicycle", "bus", "car")
METRICS = ("amota", "amotp", "recall", "mota", "motp", "ids", "frag", "tp", "fp", "fn", "mt", "ml")


def metrics(**counts):
    values = {name: 0.125 * (place + 1) for place, name in enumerate(METRICS)}
    values |= {"ids": 3.0, "frag": 2.0, "tp": 40.0, "fp": 5.0, "fn": 6.0, "mt": 7.0, "ml": 8.0}
    by_class = {key: {name: value for name in NAMES} for key, value in values.items()}
    by_class["ids"]["bus"] = math.nan
    return {**values, "label_metrics": by_class,
            "drivetr": {"num_truth": dict.fromkeys(NAMES, 0) | counts}}  # fmt: skip


def test_summary_and_rows_of_the_classes_that_are_there():
    lines = format_tracking(metrics(car=12, bus=2)).splitlines()
    assert lines[0] == "AMOTA 0.1250   AMOTP 0.2500 m   recall 0.3750   ID switches 3"
    rows = {line.split()[0]: line.split()[1:] for line in lines[2:6]}
    assert list(rows) == ["class", "bus", "car", "all"]
    assert rows["class"] == ["truth", "AMOTA", "AMOTP", "recall", "MOTA", "MOTP",
                             "IDS", "FRAG", "TP", "FP", "FN", "MT", "ML"]  # fmt: skip
    numbers = ["0.125", "0.250", "0.375", "0.500", "0.625"]
    assert rows["car"] == ["12", *numbers, "3", "2", "40", "5", "6", "7", "8"]
    assert rows["bus"] == ["2", *numbers, "-", "2", "40", "5", "6", "7", "8"]
    assert rows["all"][0] == "14"
    assert lines[6] == "Not in this split: bicycle"


def test_nothing_to_judge():
    assert format_tracking(metrics()).startswith("No box of the ground truth is left")
