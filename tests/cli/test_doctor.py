"""`drivetr doctor`: its exit status, for programs."""

from types import SimpleNamespace

import pytest

from drivetr.cli.main import main
from drivetr.engine import api, convention_check
from drivetr.engine.convention_check import Finding


@pytest.mark.parametrize(
    ("finding", "status"), [(Finding.RIGHT, 0), (Finding.WRONG, 1), (Finding.UNDECIDED, 3)]
)
def test_the_status_is_the_finding(finding, status, monkeypatch, capsys):
    loaded = SimpleNamespace(dataset=lambda *names: [])
    monkeypatch.setattr(api, "load_detector", lambda *words: loaded)
    monkeypatch.setattr(convention_check, "spread_frames", lambda *words: [])
    monkeypatch.setattr(convention_check, "read_in_all", lambda *words: [])
    monkeypatch.setattr(convention_check, "own_convention", lambda *words: "petr")
    monkeypatch.setattr(convention_check, "verdict", lambda *words: (finding, "That is so."))
    assert main(["doctor", "weights"]) == status
    assert capsys.readouterr().out.endswith("\n\nThat is so.\n")


def test_the_help_tells_the_status(capsys):
    with pytest.raises(SystemExit):
        main(["doctor", "--help"])
    told = capsys.readouterr().out
    assert "Exit status: 0 right convention, 1 wrong convention, 3 undecided." in told
