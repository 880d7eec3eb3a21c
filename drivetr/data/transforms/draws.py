"""Random numbers from an explicit generator, the only source of chance in transforms."""

import torch


def uniform(generator: torch.Generator, low: float, high: float) -> float:
    """One number from [low, high)."""
    return low + (high - low) * torch.rand((), generator=generator, dtype=torch.float64).item()


def chance(generator: torch.Generator, probability: float) -> bool:
    """True with this probability; draws even for 0 and 1, so that later draws stay in place."""
    return uniform(generator, 0.0, 1.0) < probability


def integer(generator: torch.Generator, low: int, high: int) -> int:
    """One whole number from low .. high - 1."""
    return int(torch.randint(low, high, (), generator=generator))
