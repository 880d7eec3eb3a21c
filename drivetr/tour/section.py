"""A part of the tour as the pages show it."""

from dataclasses import dataclass

from drivetr.tour.blocks import Block
from drivetr.tour.record import Record

TITLE = "A tour from convolution to six cameras"
PREFACE = (
    "This page walks the road that ends in drivetr's multi-camera detector: convolution, attention,"
    " transformer, ViT, CLIP, DETR, many cameras. Every figure was computed by drivetr's own"
    " code; nothing is drawn by hand. Read it from top to bottom; each"
    " part also runs alone, with the command at its end."
)


@dataclass(frozen=True)
class Section:
    """One part, computed and told.

    Attributes:
        record: data and origin.
        title: heading.
        blocks: what is told, in order.
        foreign: whether pictures show data of other people.
    """

    record: Record
    title: str
    blocks: list[Block]
    foreign: bool

    @property
    def command(self) -> str:
        """What runs this part alone."""
        return f"drivetr tour OUT --only {self.record.part}"

    @property
    def cost(self) -> str:
        """What it took, in words."""
        record = self.record
        quick = "" if record.share == 1 else f", with {record.share:.0%} of the usual training"
        seconds = round(record.cpu_seconds)
        spent = f"{seconds} CPU-seconds" if seconds > 1 else "about a CPU-second or less"
        return f"{spent}, seed {record.seed}{quick}"
