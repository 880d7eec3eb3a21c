"""A test that several processes share: they take turns, and the first one gets every result."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from drivetr.engine.gather import by_first_process, rank_and_size, to_first_process
from drivetr.errors import DrivetrError

_T = TypeVar("_T")


class Rounds(Generic[_T]):
    """Work on units of which process p does those with the numbers p, p + processes, ...

    A unit is done by one process as one process alone would do it, no unit is done twice to fill up
    a round, and the results come in the order of the units: they are those of one process, in the
    same order. Before each round the first process says whether it goes on, so that the others do
    not wait for one that met an error.
    """

    def __init__(self) -> None:
        self.rank, self.size = rank_and_size()
        self._others_wait = True

    def goes_on(self, wanted: bool = True) -> bool:
        """What the first process wants; a collective call."""
        self._others_wait = wanted
        return by_first_process(lambda: wanted)

    def results(self, own: Iterator[list[_T]], units: int) -> Iterator[_T]:
        """All results in the order of the units in the first process, none in the others.

        Args:
            own: for each unit of this process its results.
            units: of all processes.

        Raises:
            DrivetrError: in the first process, for one that any process met.
        """
        for start in range(0, units, self.size):
            if not self.goes_on():
                return
            part: tuple[list[_T], str | None] = ([], None)
            if start + self.rank < units:
                try:
                    part = (next(own), None)
                except DrivetrError as error:
                    part = ([], str(error))
            received = to_first_process(part)
            self._others_wait = start + self.size < units  # after the last round they leave
            for results, told in received:
                if told is not None:
                    raise DrivetrError(told)
                yield from results

    def dismiss(self) -> None:
        """Called by the first process at its end: lets go of others that wait for a next round."""
        if self.size > 1 and self._others_wait:
            self.goes_on(False)
