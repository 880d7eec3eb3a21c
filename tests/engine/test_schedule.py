"""Length and rate of a run."""

import math

import pytest
import torch

from drivetr.engine.schedule import Schedule
from drivetr.errors import DrivetrError


class TestTotal:
    @pytest.mark.parametrize(
        ("schedule", "scale", "expected"),
        [
            (Schedule(epochs=24), 1.0, 24 * 28130 // 8),
            (Schedule(epochs=0.5), 1.0, 1758),
            (Schedule(iterations=100), 1.0, 100),
            (Schedule(iterations=100), 4.0, 25),
            (Schedule(iterations=100), 0.5, 200),
            (Schedule(iterations=1), 64.0, 1),
        ],
    )
    def test_values(self, schedule, scale, expected):
        assert schedule.total(28130, 8, scale) == expected

    def test_no_samples(self):
        with pytest.raises(DrivetrError, match="no samples"):
            Schedule(epochs=1).total(0, 8, 1.0)

    @pytest.mark.parametrize("both", [{}, {"epochs": 1, "iterations": 1}])
    def test_given_once(self, both):
        with pytest.raises(ValueError, match="either epochs or iterations"):
            Schedule(**both)


class TestFactor:
    schedule = Schedule(iterations=1000, warmup_iterations=100, warmup_ratio=0.25, min_ratio=0.01)

    @pytest.mark.parametrize(
        ("iteration", "expected"),
        [(0, 0.25), (50, 0.625), (100, 1.0), (550, 0.505), (1000, 0.01)],
    )
    def test_values(self, iteration, expected):
        assert self.schedule.factor(iteration, 1000) == pytest.approx(expected)

    def test_shape(self):
        values = [self.schedule.factor(i, 1000) for i in range(1000)]
        assert values[:101] == sorted(values[:101])
        assert values[100:] == sorted(values[100:], reverse=True)
        assert values[-1] == pytest.approx(0.01, rel=1e-2)

    @pytest.mark.parametrize("total", [1, 3, 100])
    def test_run_shorter_than_the_warmup(self, total):
        values = [self.schedule.factor(i, total) for i in range(total + 1)]
        assert all(math.isfinite(v) and 0 < v <= 1 for v in values)


class TestDrop:
    """DETR's schedule: the full rate for 200 epochs of 300, a tenth of it for the rest."""

    schedule = Schedule(epochs=300, warmup_iterations=0, min_ratio=0.1, drop_after=2 / 3)

    @pytest.mark.parametrize("steps_per_epoch", [1, 7, 1848])
    def test_equals_torchs_step(self, steps_per_epoch):
        total = self.schedule.total(steps_per_epoch, 1, 1.0)
        weight = torch.nn.Parameter(torch.zeros(1))
        optimizer = torch.optim.SGD([weight], lr=1.0)
        oracle = torch.optim.lr_scheduler.StepLR(optimizer, 200)
        for epoch in range(300):
            for step in {0, steps_per_epoch - 1}:
                factor = self.schedule.factor(epoch * steps_per_epoch + step, total)
                assert factor == pytest.approx(optimizer.param_groups[0]["lr"])
            optimizer.step()
            oracle.step()

    def test_after_a_warmup(self):
        schedule = Schedule(iterations=100, warmup_iterations=10, warmup_ratio=0.5, drop_after=0.5)
        values = [schedule.factor(i, 100) for i in (0, 5, 10, 49, 50, 99)]
        assert values == pytest.approx([0.5, 0.75, 1, 1, 1e-3, 1e-3])

    def test_range(self):
        with pytest.raises(ValueError, match="drop_after is -1"):
            Schedule(iterations=100, drop_after=-1)
