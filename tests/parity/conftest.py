"""Finds the recordings, and prints how far every quantity is from them."""

import os
from pathlib import Path

import pytest

ELSEWHERE = "box_convention"  # test_box_conventions.py


def recorded_cases() -> list[str]:
    """Names of all case files in the folder that DRIVETR_GOLDEN names."""
    folder = Path(os.environ.get("DRIVETR_GOLDEN", "/nonexistent"))
    stems = sorted(path.stem for path in folder.glob("*_*.json"))
    return [stem for stem in stems if not stem.startswith(ELSEWHERE)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test a case file; without a folder one test that says so through `golden_dir`."""
    if "case_name" in metafunc.fixturenames:
        metafunc.parametrize("case_name", recorded_cases() or ["no_recordings"])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of maximum differences."""
    reports = [r for key in ("passed", "failed") for r in terminalreporter.stats.get(key, [])]
    rows = [
        (report.nodeid.split("[")[-1].rstrip("]"), *value)
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == "max_difference" and "test_recordings" in report.nodeid
    ]
    if rows:
        terminalreporter.section("largest differences to the recordings")
        for case, quantity, difference in sorted(rows):
            terminalreporter.line(f"{case:24s} {quantity:24s} {difference:.2e}")
