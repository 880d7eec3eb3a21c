"""A short run of the fuzzer, and that it would notice what it is there to find."""

import json
import os
import signal
import time
from pathlib import Path
from random import Random

import pytest
import torch

from benchmarks import fuzz_run
from benchmarks.fuzz import main
from benchmarks.fuzz_mutations import mutated_bytes, mutated_json
from benchmarks.fuzz_run import Target, fuzz
from benchmarks.fuzz_targets import targets
from drivetr.errors import DrivetrError

KINDS = tuple(targets(Path("nowhere")))


@pytest.mark.parametrize("kind", KINDS)
def test_every_damaged_file_is_used_or_refused(kind, tmp_path):
    tally = fuzz(targets(tmp_path)[kind], seed=1, count=20, folder=tmp_path)
    assert tally.findings == {}
    assert tally.tried == 20
    assert tally.refused > 0


def target(use, mutate=mutated_bytes) -> Target:
    return Target("own", lambda at: (at / "f").write_bytes(b"[1, 2]"), ("f",), mutate, use)


def refuse(at: Path) -> None:
    raise DrivetrError("no")


def crash(at: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def run_code(at: Path) -> None:
    (at / "marker").touch()


def fill_memory(at: Path) -> None:
    bytearray(2**32)


@pytest.mark.parametrize(
    ("use", "found"),
    [
        (lambda at: {}["key"], "KeyError \"'key'\" at test_fuzz.py"),
        (lambda at: time.sleep(9), "Hang"),
        (crash, "the process died (-9)"),
        (run_code, "the marker was written: code of the input ran"),
        (fill_memory, "MemoryError"),
    ],
)
def test_findings(tmp_path, monkeypatch, use, found):
    monkeypatch.setattr(fuzz_run, "SECONDS", 0.2)
    (tmp_path / "at").mkdir()
    tally = fuzz(target(use), 0, 2, tmp_path / "at", tmp_path / "kept")
    assert (tally.accepted, tally.refused) == (0, 0)
    ((what, count),) = tally.findings.items()
    assert what.startswith(found)
    assert count == 2
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["own-0-f", "own-1-f"]


def test_the_command_writes_its_figures(tmp_path, monkeypatch, capsys):
    words = ["--count", "3", "--only", "rig", "images", "--keep", str(tmp_path / "kept")]
    monkeypatch.setattr("sys.argv", ["fuzz", *words, "--out", str(tmp_path / "out.json")])
    assert main() == 0
    kinds = json.loads((tmp_path / "out.json").read_text())["kinds"]
    assert {kind: counts["tried"] for kind, counts in kinds.items()} == {"rig": 2, "images": 1}
    assert kinds["rig"]["findings"] == {}
    assert "all                  3" in capsys.readouterr().out


def test_what_is_no_finding(tmp_path):
    assert fuzz(target(lambda at: None), 0, 3, tmp_path).accepted == 3
    assert fuzz(target(refuse), 0, 3, tmp_path).refused == 3
    assert (tmp_path / "f").read_bytes() == b"[1, 2]"


@pytest.mark.parametrize("mutate", [mutated_bytes, mutated_json])
def test_a_seed_gives_the_same_input_again(mutate):
    content = b'{"a": [1, 2.5, {"b": "text"}], "c": null}'
    inputs = [[mutate(content, Random(seed)) for seed in range(99)] for _ in range(2)]
    assert inputs[0] == inputs[1]
    assert len(set(inputs[0])) > 50


def test_payloads_of_archives_would_run(tmp_path):
    """The pickle that is put into archives does what it says, where something unpickles it."""
    kind = targets(tmp_path)["weights-zip"]
    kind.prepare(tmp_path)
    content = (tmp_path / "w.pth").read_bytes()
    for seed in range(200):
        (tmp_path / "w.pth").write_bytes(kind.mutate(content, Random(seed)))
        try:
            torch.load(tmp_path / "w.pth", weights_only=False)
        except Exception:  # of damaged archives, of every kind
            continue
        finally:
            ran = (tmp_path / "marker").exists()
        if ran:
            return
    pytest.fail("no payload of 200 inputs ran")
