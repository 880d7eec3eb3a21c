"""What every judge is given: a trained model, the names of a dataset, and where results go."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

from drivetr.engine.api import LoadedDetector
from drivetr.engine.checks import difference_of_classes
from drivetr.engine.loaders import LoaderSettings
from drivetr.engine.rounds import Rounds
from drivetr.errors import DrivetrError


@dataclass(frozen=True)
class Exam:
    """A test that is about to run; the dataset is opened when it is first asked for.

    Attributes:
        loaded: the trained model.
        dataroot: folder of the dataset, None for one that needs none.
        version: of the dataset, likewise.
        split: part of it.
        results: where the predictions go, for judges that write them.
        metrics: where the metrics go.
    """

    loaded: LoadedDetector
    dataroot: Path | None
    version: str | None
    split: str
    results: Path
    metrics: Path

    @property
    def names(self) -> tuple[Path, str, str]:
        """Dataroot, version and split.

        Raises:
            DrivetrError: the first two were not given.
        """
        if self.dataroot is None or self.version is None:
            raise DrivetrError(
                f"{self.loaded.spec.source}: its dataset needs --dataroot and --version"
            )
        return self.dataroot, self.version, self.split

    @cached_property
    def _opened(self) -> tuple[Any, LoaderSettings]:
        dataset, settings = self.loaded.open(self.dataroot, self.version, self.split)
        if len(dataset) == 0:
            raise DrivetrError(f"split {self.split!r} has no samples to test on; name another")
        return dataset, settings

    @property
    def dataset(self) -> Any:
        """The split, with the transforms that the model was trained to be tested with."""
        return self._opened[0]

    def check_classes(self) -> None:
        """Refuses a dataset whose labels mean something else than the model's.

        Raises:
            DrivetrError: the classes differ.
        """
        difference = difference_of_classes(self.dataset.classes, self.loaded.classes)
        if difference is not None:
            raise DrivetrError(
                f"{self.loaded.spec.source}: {difference}; test it on a dataset with the classes it"
                " was trained on"
            )

    @cached_property
    def _rounds(self) -> Rounds[tuple[Any, Any]]:
        return Rounds()

    def predictions(self) -> Iterator[tuple[Any, Any]]:
        """Every sample without its images, and its prediction; shows its progress."""
        dataset, _ = self._opened
        self._rounds.goes_on()
        return iter(tqdm(self._shared(), total=len(dataset), desc="Testing", unit="sample"))

    def assist(self) -> None:
        """What another process than the first does: predicts its share and hands it over."""
        if self._rounds.goes_on():  # the first one has opened the dataset, and so built its index
            for _ in self._shared():
                pass

    def dismiss(self) -> None:
        """At the end of the first process, however it comes: nobody waits for it any more."""
        self._rounds.dismiss()

    def _shared(self) -> Iterator[tuple[Any, Any]]:
        dataset, settings = self._opened
        if self._rounds.size == 1:
            return self.loaded.predictions(dataset, settings)
        units = self.loaded.units(dataset, settings)
        mine = units[self._rounds.rank :: self._rounds.size]
        found = self.loaded.predictions(dataset, settings, mine)
        return self._rounds.results(
            (list(islice(found, sum(map(len, unit)))) for unit in mine), len(units)
        )
