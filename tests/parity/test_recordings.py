"""Every recording for which a model exists, within the tolerances that come with it."""

import re
from pathlib import Path

import pytest
import torch

from tests.parity.comparison import EQUAL, LOGITS, Comparison
from tests.parity.golden_case import GoldenCase
from tests.parity.runners import RUNNERS

# Recorded, but nothing in drivetr corresponds: a mask that the reference never uses, and ground
# truth on its way to `normalized_gt`, which is compared; and what DETR only writes into its log.
NOT_COMPARED = re.compile(r"coords_mask|gt_gravity_.*|loss\.(class|cardinality)_error(_\d+)?")


def test_recording(golden_dir: Path, case_name: str, record_property) -> None:
    runner = RUNNERS.get(case_name.rpartition("_")[0])
    if runner is None:
        pytest.skip(f"no model yet for {case_name}")
    case = GoldenCase.open(golden_dir / f"{case_name}.json")
    comparisons = runner(case)
    for comparison in comparisons:
        record_property("max_difference", (comparison.quantity, comparison.max_difference))
    wrong = {c.quantity: c.max_difference for c in comparisons if not c.passed}
    assert not wrong, f"{case_name}: beyond tolerance {wrong}"
    whole = {name for name in case.outputs if case.is_whole(name)}
    left_out = whole - {c.quantity for c in comparisons}
    assert all(NOT_COMPARED.fullmatch(name) for name in left_out), f"not compared: {left_out}"


class TestComparison:
    """The yardstick itself."""

    def test_one_element_beyond_the_tolerance_fails(self) -> None:
        theirs = torch.zeros(1000)
        ours = theirs.clone()
        ours[3] = 2e-4
        assert not Comparison("x", ours, theirs, LOGITS["tiny"]).passed
        ours[3] = 1.0
        assert Comparison("x", ours, theirs, LOGITS["full"]).passed
        ours[:20] = 1.0
        assert not Comparison("x", ours, theirs, LOGITS["full"]).passed

    def test_nan_is_only_equal_to_nan(self) -> None:
        nan = torch.tensor([torch.nan])
        assert Comparison("x", nan, nan, EQUAL).passed
        assert not Comparison("x", nan, torch.zeros(1), LOGITS["tiny"]).passed

    def test_another_shape_fails(self) -> None:
        assert not Comparison("x", torch.zeros(2), torch.zeros(1, 2), LOGITS["tiny"]).passed
