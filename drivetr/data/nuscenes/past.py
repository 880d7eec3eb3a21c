"""PETRv2's second look at the world: for every camera of a frame an earlier image of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from drivetr.data.nuscenes.index import NuScenesIndex
from drivetr.data.nuscenes.records import CameraRecord

Exposure = tuple[CameraRecord | None, float]
"""An image, None where a camera has none, and its age in seconds."""


@dataclass(frozen=True)
class PastImages:
    """Which earlier image a frame also has of each of its cameras (arXiv:2206.01256, section 3.3).

    A camera's images are counted back from the keyframe, sweeps and keyframes alike: 0 is the one
    just before. One place from first .. end - 1 is drawn for all cameras of a frame, among those
    that exist where the history is shorter, and the oldest image is taken where it ends before
    `first`. A camera without any history shows the present image again. PETRv2 trains with 3 .. 26
    and tests with 14, which is about 1.25 s; there a keyframe follows after five sweeps.

    Attributes:
        first: place nearest to the keyframe.
        end: one beyond the furthest place.
        age_without_s: age in seconds that the present image is given where it stands for a past
            one: a velocity is a displacement divided by an age.
    """

    first: int = 3
    end: int = 27
    age_without_s: float = 15 * 0.083

    def __post_init__(self) -> None:
        """Checks the ranges."""
        if not 0 <= self.first < self.end or self.age_without_s <= 0:
            raise ValueError(
                f"first {self.first} and end {self.end} have to rise from 0, and age_without_s"
                f" {self.age_without_s} has to be positive"
            )

    def choose(self, length: int, chance: float) -> int:
        """The place in a history of at least one image.

        Args:
            length: images of the history.
            chance: number from [0, 1).
        """
        end = max(min(self.end, length), self.first + 1)
        return min(self.first + int(chance * (end - self.first)), length - 1)

    def exposures(
        self,
        index: NuScenesIndex,
        row: int,
        present: Sequence[CameraRecord | None],
        chance: float,
    ) -> list[Exposure]:
        """For each present image of a sample an earlier one of its camera.

        Args:
            index: of the dataset.
            row: of the sample.
            present: its keyframe images, None for a camera without.
            chance: number from [0, 1), which chooses.
        """
        now = index.timestamp_us(row)
        histories = [range(0) if c is None else index.history(row, c.channel) for c in present]
        back = self.choose(max(1, *map(len, histories)), chance)
        found: list[Exposure] = []
        for camera, history in zip(present, histories, strict=True):
            if history:
                camera = index.image(history[min(back, len(history) - 1)])
                found.append((camera, (now - camera.timestamp_us) * 1e-6))
            else:
                found.append((camera, self.age_without_s))
        return found
