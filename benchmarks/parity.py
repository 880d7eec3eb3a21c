"""Prints how far drivetr's 2D models are from the implementations that their weights come from.

Runs the parity tests and collects the largest difference of every quantity that they compare:

    python benchmarks/parity.py

The recordings of the references count too where `DRIVETR_GOLDEN` names their folder.
"""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = (
    "tests/parity/test_recordings.py",
    "tests/models/test_detr_transformers.py",
    "tests/models/test_vit_layouts.py",
    "tests/models/test_clip_layouts.py",
)


class Differences:
    """Collects what tests note as `max_difference`: a name and a number."""

    def __init__(self) -> None:
        self.largest: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called by pytest for every test."""
        notes = report.user_properties if report.when == "call" else []
        for key, value in notes:
            if key == "max_difference":
                name, difference = value
                if "test_recordings" in report.nodeid:  # one row a recording
                    name = f"recording {report.nodeid.split('[')[-1].rstrip(']')}"
                self.largest[name] = max(difference, self.largest.get(name, 0.0))


def main() -> int:
    found = Differences()
    tests = [str(ROOT / test) for test in TESTS]
    status = pytest.main(["-q", *tests], [found])
    print(f"\n{'compared':76s} largest difference")
    for name, difference in sorted(found.largest.items()):
        print(f"{name:76s} {difference:.1e}")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
