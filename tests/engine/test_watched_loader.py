"""Loader workers that no longer answer; tests/reliability has the run whose workers stall."""

import multiprocessing
import os
import signal
import threading

import pytest
import torch

from drivetr.engine.loaders import LoaderSettings, dead_workers_told, loader_for_testing
from drivetr.errors import StoppedError
from tests.engine.tiny import TinyDataset


def loader(workers=2, **settings):
    dataset = TinyDataset(("root", "v"), "s")
    settings = LoaderSettings(num_workers=workers, **settings)
    return loader_for_testing(dataset, settings, torch.device("cpu"))


@pytest.mark.parametrize("ending", [None, StoppedError("told to stop"), KeyError("a bug")])
def test_a_stopped_worker_does_not_outlive_the_block(ending):
    """This process would wait for it at its own end, and so would the scheduler that stopped it."""
    earlier = multiprocessing.active_children()

    def within():
        with dead_workers_told():
            batches = iter(loader())
            next(batches)
            workers = set(multiprocessing.active_children()) - set(earlier)
            assert len(workers) == 2
            os.kill(workers.pop().pid, signal.SIGSTOP)
            if ending is not None:
                raise ending

    if ending is None:
        within()
    else:
        with pytest.raises(type(ending)):
            within()
    assert set(multiprocessing.active_children()) <= set(earlier)


def test_children_of_others_live_on():
    other = multiprocessing.get_context("fork").Process(target=signal.pause, daemon=True)
    other.start()
    try:
        with dead_workers_told():
            assert len(list(loader())) == 7
        assert other.is_alive()
    finally:
        other.kill()
        other.join()


def test_only_waiting_counts():
    """Between two batches, while the training computes, no clock runs."""
    batches = iter(loader(worker_timeout_s=600))
    for _ in range(3):
        next(batches)
        clocks = [each for each in threading.enumerate() if isinstance(each, threading.Timer)]
        assert all(clock.finished.is_set() for clock in clocks)
    batches.close()
