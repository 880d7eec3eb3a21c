"""What every judge is given: a trained model, the names of a dataset, and where results go."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tqdm import tqdm

from drivetr.engine.api import LoadedDetector
from drivetr.engine.checks import difference_of_classes
from drivetr.engine.loaders import LoaderSettings
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

    def predictions(self) -> Iterator[tuple[Any, Any]]:
        """Every sample without its images, and its prediction; shows its progress."""
        dataset, settings = self._opened
        found = self.loaded.predictions(dataset, settings)
        return iter(tqdm(found, total=len(dataset), desc="Testing", unit="sample"))
