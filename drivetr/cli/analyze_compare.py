"""The part of a report that compares two submissions."""

import math

import numpy as np

from drivetr.cli.analyze_pictures import Judgement, Photographer
from drivetr.cli.analyze_sections import key_of, spoken
from drivetr.evaluation.nuscenes.axes import axes_of
from drivetr.evaluation.nuscenes.compare import (
    Contender,
    SliceDifference,
    compare_frames,
    compare_slices,
)
from drivetr.evaluation.nuscenes.frame_counts import count_frames
from drivetr.evaluation.nuscenes.matched import MatchedSplit
from drivetr.evaluation.nuscenes.slices import Axis
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.visual.outcome_view import OUTCOME_WORDS
from drivetr.visual.report import Block, Column, Figures, Gallery, Section, Table, Value, Words

_SHOWN = 8  # frames in a table
_COLUMNS = (
    Column("objects"), Column("recall A"), Column("recall B"), Column("change", 3, 1),
    Column("only A found"), Column("only B found"), Column("false A"), Column("false B"),
    Column("change", 3, -1), Column("AP A"), Column("AP B"), Column("change", 3, 1),
)  # fmt: skip


def compare_sections(a: Judgement, b: Judgement, photographer: Photographer) -> list[Section]:
    """What got better and worse: over all, by class, by slice, by frame."""
    words = (
        f"A at score {a.threshold:.2f}, B at {b.threshold:.2f}; changes are B minus A, green where"
        " B is better. Both are asked for the same objects: 'only A found' are those that B lost,"
        " 'only B found' those that it won. AP is that at 2 m over all scores."
    )
    blocks = (Words(words), _frame_figures(a, b), _class_table(a, b))
    sections = [Section("compare", "A and B", blocks)]
    rows: list[tuple[Value, ...]] = []
    for axis_a, axis_b in zip(axes_of(a.split, a.facts), axes_of(b.split, b.facts), strict=True):
        for found in _differences(a, axis_a, b, axis_b):
            rows.append((axis_a.name, found.name, *_row(found)))
    columns = (Column("by"), Column("slice"), *_COLUMNS)
    table = Table("compare-slices", columns, tuple(rows))
    sections.append(Section("compare-slices", "A and B by slice", (table,), level=3))
    sections += [_frame_section(a, b, photographer, sign) for sign in (1, -1)]
    return sections


def _differences(a: Judgement, axis_a: Axis, b: Judgement, axis_b: Axis) -> list[SliceDifference]:
    return compare_slices(
        Contender(a.split, axis_a, a.threshold), Contender(b.split, axis_b, b.threshold)
    )


def _row(found: SliceDifference) -> tuple[Value, ...]:
    """A difference in the order of `_COLUMNS`."""
    a, b = found.a, found.b
    false = None if a.false is None or b.false is None else b.false - a.false
    return (
        a.objects, a.recall, b.recall, b.recall - a.recall, found.only_a, found.only_b,
        a.false, b.false, false, a.ap, b.ap, b.ap - a.ap,
    )  # fmt: skip


def _class_table(a: Judgement, b: Judgement) -> Table:
    """The classes as slices: a false prediction is in that of its own class."""
    axes = [_class_axis(judgement.split) for judgement in (a, b)]
    found = _differences(a, axes[0], b, axes[1])
    rows = tuple((difference.name, *_row(difference)) for difference in found)
    return Table("compare-classes", (Column("class"), *_COLUMNS), rows)


def _class_axis(split: MatchedSplit) -> Axis:
    names = tuple(map(spoken, DETECTION_CLASSES))
    return Axis("class", "class of the box", names, split.truth.labels, split.found.labels)


def _frame_figures(a: Judgement, b: Judgement) -> Figures:
    """How many frames got better and worse."""
    counts = [count_frames(judgement.split, judgement.threshold) for judgement in (a, b)]
    found = compare_frames(counts[0], counts[1], a.facts.scene)
    spread = "one scene" if math.isnan(found.standard_error) else f"± {found.standard_error:.2f}"
    return Figures(
        (
            ("frames with fewer errors in B", str(found.better), ""),
            ("frames with more", str(found.worse), ""),
            ("frames with as many", str(found.same), ""),
            ("change of errors per frame", f"{found.mean:+.2f}", f"{spread} (over scenes)"),
        )
    )


def _frame_section(a: Judgement, b: Judgement, photographer: Photographer, sign: int) -> Section:
    """The frames that got worse most, or better with a sign of -1."""
    counts = [count_frames(judgement.split, judgement.threshold) for judgement in (a, b)]
    change = counts[1].wrong - counts[0].wrong
    order = np.argsort(-sign * change, kind="stable")[:_SHOWN].tolist()
    chosen = [frame for frame in order if sign * change[frame] > 0]
    word = "worse" if sign > 0 else "better"
    rows = tuple(
        (b.split.tokens[f], b.facts.scenes[b.facts.scene[f]], int(counts[0].wrong[f]),
         int(counts[1].wrong[f]), int(change[f]))
        for f in chosen
    )  # fmt: skip
    columns = (
        Column("frame"), Column("scene"), Column("errors A"), Column("errors B"),
        Column("change", 3, -1),
    )  # fmt: skip
    pictures = tuple(
        photographer.picture(b, f, f"; {counts[0].wrong[f]} errors in A, {counts[1].wrong[f]} in B")
        for f in chosen[:3]
    )
    told = f"Pictures show B. {OUTCOME_WORDS}" if chosen else f"No frame got {word}."
    table = Table(key_of("frames", word), columns, rows)
    blocks: tuple[Block, ...] = (
        (Words(told), Gallery(pictures), table) if chosen else (Words(told),)
    )
    return Section(f"frames-{word}", f"Frames that got {word}", blocks, level=3)
