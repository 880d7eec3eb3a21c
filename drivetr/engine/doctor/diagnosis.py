"""What the doctor found: a level, a sentence, and how to mend it."""

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How bad it is."""

    OK = "ok"
    NOTE = "note"  # some feature is not there; everything else works
    WARNING = "warning"  # works now, and may fail or mislead
    ERROR = "error"  # something that was asked for cannot work


@dataclass(frozen=True)
class Diagnosis:
    """One finding.

    Attributes:
        subject: what was examined: environment, dataset, index, checkpoint, convention, disk or
            memory.
        level: how bad it is.
        found: a sentence.
        remedy: what to do, empty where there is nothing to do.
    """

    subject: str
    level: Level
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        """One line, and a second one for the remedy."""
        told = f"{self.level.value:8s}{self.subject:12s} {self.found}"
        return f"{told}\n{'':21s}-> {self.remedy}" if self.remedy else told
