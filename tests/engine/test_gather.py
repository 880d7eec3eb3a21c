"""What processes tell each other; their tensors are gathered in `test_training.py`."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks.launch import Job
from drivetr.engine.devices import process_group
from drivetr.engine.gather import (
    by_first_process,
    gathered,
    largest,
    of_all_processes,
    once_first_is_done,
    rank_and_size,
    to_first_process,
)
from drivetr.errors import DrivetrError


def test_one_process_has_its_own():
    mine = {"a": torch.ones(2, requires_grad=True), "flag": torch.tensor(True)}
    (only,) = gathered(mine)
    assert only.keys() == mine.keys()
    assert torch.equal(only["a"], torch.ones(2))
    assert not only["a"].requires_grad


def test_nothing_of_a_process_that_has_nothing():
    assert gathered({}) == [{}]


def test_one_process_is_the_first_one():
    assert rank_and_size() == (0, 1)
    assert by_first_process(lambda: 3) == once_first_is_done(lambda: 3) == largest(3) == 3
    assert of_all_processes("a") == to_first_process("a") == ["a"]


def refuse() -> None:
    raise DrivetrError(f"told by {rank_and_size()[0]}")


def talk(folder: str) -> None:
    """In each of two processes: writes down what it is told."""
    with process_group("pytorch"):
        rank, size = rank_and_size()
        heard = [size, by_first_process(lambda: f"of {rank}"), largest(rank)]
        heard += [of_all_processes(rank), to_first_process(rank)]
        seen = Path(folder, "first")
        heard.append(once_first_is_done(lambda: (rank == 0 and seen.touch()) or seen.exists()))
        for way in (by_first_process, once_first_is_done):
            with pytest.raises(DrivetrError, match="told by 0"):
                way(refuse)
        Path(folder, f"rank{rank}.json").write_text(json.dumps(heard))


def test_two_processes(tmp_path):
    assert Job(talk, [str(tmp_path)], processes=2).wait(120) == [0, 0]
    first, second = (json.loads((tmp_path / f"rank{r}.json").read_text()) for r in range(2))
    assert first == [2, "of 0", 1, [0, 1], [0, 1], True]
    assert second == [2, "of 0", 1, [0, 1], [], True]
