"""Which predictions of a frame are asked why: `top:20`, `track:7`, `query:412`."""

from dataclasses import dataclass
from typing import Literal, get_args

from drivetr.errors import DrivetrError
from drivetr.structures.detections import Detections

Kind = Literal["top", "track", "query"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class StoryChoice:
    """A choice among the predictions of every frame.

    Attributes:
        kind: the surest ones, those of one object through a scene, or those of one query.
        number: how many of the surest, or which object or query.
    """

    kind: Kind
    number: int

    def rows(self, found: Detections) -> list[int]:
        """The rows of the chosen predictions; fewer, or none, where a frame has no more.

        Raises:
            DrivetrError: an object is asked for, but the detector does not follow objects.
        """
        if self.kind == "top":
            rows: list[int] = found.scores.argsort(descending=True, stable=True).tolist()
            return rows[: self.number]
        numbers = found.ids if self.kind == "track" else found.queries
        if numbers is None:
            missing = {
                "track": "follow no objects, which takes a detector with a memory",
                "query": "are not those of a detector's queries",
            }[self.kind]
            raise DrivetrError(
                f"{self.kind}:{self.number} was asked for, but these predictions {missing}; ask for"
                " top:N"
            )
        chosen: list[int] = (numbers == self.number).nonzero()[:, 0].tolist()
        return chosen


def parse_choice(text: str) -> StoryChoice:
    """The choice that `top:N`, `track:ID` or `query:N` means.

    Raises:
        DrivetrError: it is none of these.
    """
    word, _, number = text.partition(":")
    kind = next((kind for kind in KINDS if kind == word), None)
    least = 1 if kind == "top" else 0
    if kind is None or not number.isdecimal() or int(number) < least:
        raise DrivetrError(
            f"--attention is {text!r}; expected top:N for the N surest predictions of each frame"
            " (at least 1), track:ID for those of one object, or query:N for those of one query"
        )
    return StoryChoice(kind, int(number))
