"""Backbones parts of which do not learn."""

from collections.abc import Iterable

from torch import nn


class PartlyFrozen(nn.Module):
    """A network whose frozen parts stay so, whatever mode it is put in."""

    _frozen_parts: tuple[str, ...] = ()
    _frozen_norm: bool = False

    def freeze(self, parts: Iterable[str], norm: bool) -> None:
        """Takes gradients and running statistics from parts; for the end of a constructor.

        Args:
            parts: names of submodules.
            norm: every batch norm too: it uses its stored statistics and does not learn.
        """
        self._frozen_parts, self._frozen_norm = tuple(parts), norm
        self.train(self.training)

    def train(self, mode: bool = True) -> "PartlyFrozen":
        """Sets the training mode of everything that is not frozen."""
        super().train(mode)
        frozen = [self.get_submodule(name) for name in self._frozen_parts]
        if self._frozen_norm:
            frozen += [m for m in self.modules() if isinstance(m, nn.BatchNorm2d)]
        for module in frozen:
            module.eval().requires_grad_(False)
        return self
