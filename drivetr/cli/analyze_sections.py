"""The parts of a report about one submission."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivetr.cli.analyze_pictures import Judgement, Photographer
from drivetr.evaluation.nuscenes.axes import axes_of
from drivetr.evaluation.nuscenes.confusion import NOTHING, TWICE, confusion
from drivetr.evaluation.nuscenes.detection import JudgedSubmission
from drivetr.evaluation.nuscenes.frame_counts import FrameCounts, count_frames
from drivetr.evaluation.nuscenes.slices import Axis, SliceScores, scores_of_slices, whole
from drivetr.structures.classes import DETECTION_CLASSES
from drivetr.visual.outcome_view import OUTCOME_WORDS
from drivetr.visual.report import (
    BarChart,
    Block,
    Charts,
    Column,
    Figures,
    Gallery,
    Heat,
    Line,
    LineChart,
    Section,
    Table,
    Value,
    Words,
)

ERRORS = ("ATE", "ASE", "AOE", "AVE")
_DEVKIT_ERRORS = {
    "ATE": "trans_err", "ASE": "scale_err", "AOE": "orient_err", "AVE": "vel_err",
    "AAE": "attr_err",
}  # fmt: skip
_MATCHED_AT = "2.0"  # metres, the devkit's key of curves
_SLICE_COLUMNS = (
    Column("slice"), Column("objects"), Column("found"), Column("recall"), Column("false"),
    Column("precision"), Column("AP"), Column("ATE (m)"), Column("ASE"),
    Column("AOE (rad)"), Column("AVE (m/s)"),
)  # fmt: skip


def spoken(name: str) -> str:
    """A class as one says it."""
    return name.replace("_", " ")


def key_of(*words: str) -> str:
    """A name for addresses and files."""
    return "-".join(word.lower().replace(" ", "-") for word in words if word)


def official_section(judged: Mapping[str, JudgedSubmission], of: Sequence[Judgement]) -> Section:
    """The devkit's numbers of every submission, and its curves."""
    blocks: list[Block] = [_summary_figures([judged[j.name].summary for j in of])]
    for judgement in of:
        blocks.append(_official_table(judged[judgement.name].summary, judgement.name))
    blocks.append(_curves(judged, of))
    return Section("official", "Official metrics", tuple(blocks))


def _summary_figures(summaries: Sequence[dict[str, Any]]) -> Figures:
    """NDS, mAP and the mean errors of the first, below them those of the second."""
    rows = [_summary_values(summary) for summary in summaries]
    figures = []
    for place, (name, value) in enumerate(rows[0]):
        below = ""
        if len(rows) > 1:
            other = rows[1][place][1]
            below = f"B {other:.3f} ({other - value:+.3f})"
        figures.append((f"A {name}" if len(rows) > 1 else name, f"{value:.3f}", below))
    return Figures(tuple(figures))


def _summary_values(summary: dict[str, Any]) -> list[tuple[str, float]]:
    errors = [(f"m{name}", summary["tp_errors"][key]) for name, key in _DEVKIT_ERRORS.items()]
    return [("NDS", summary["nd_score"]), ("mAP", summary["mean_ap"]), *errors]


def _official_table(summary: dict[str, Any], name: str) -> Table:
    """One row a class, as the devkit has it."""
    distances = list(next(iter(summary["label_aps"].values())))
    rows = []
    for label in DETECTION_CLASSES:
        errors = summary["label_tp_errors"][label]
        rows.append(
            (
                spoken(label),
                summary["drivetr"]["num_truth"][label],
                summary["mean_dist_aps"][label],
                *(summary["label_aps"][label][distance] for distance in distances),
                *(errors[key] for key in _DEVKIT_ERRORS.values()),
            )
        )
    columns = [name + " class" if name else "class", "objects", "AP"]
    columns += [*(f"AP {float(d):g} m" for d in distances), *_DEVKIT_ERRORS]
    return Table(
        key_of("official", name),
        tuple(Column(column) for column in columns),
        tuple(rows),
        "The devkit's own numbers. A class without objects has AP 0 and errors 1.",
    )


def _curves(judged: Mapping[str, JudgedSubmission], of: Sequence[Judgement]) -> Charts:
    """Precision over recall of each class that has objects."""
    summary = judged[of[0].name].summary
    charts = [
        LineChart(spoken(name), "recall", "precision", tuple(_lines(judged, of, name)))
        for name in DETECTION_CLASSES
        if summary["drivetr"]["num_truth"][name]
    ]
    legend = [(f"{j.name or 'precision'} at 2 m".strip(), place) for place, j in enumerate(of)]
    legend += [] if len(of) > 1 else [("at 0.5, 1 and 4 m", 2)]
    dots = " and ".join(f"{j.threshold:.2f}" for j in of)
    note = f"The dot is the score threshold of this report ({dots}). Classes without objects are"
    return Charts(tuple(charts), tuple(legend), f"{note} left out.")


def _lines(
    judged: Mapping[str, JudgedSubmission], of: Sequence[Judgement], name: str
) -> list[Line]:
    """The curves of a class at 2 m; of a single submission those at other distances behind it."""
    lines = []
    if len(of) == 1:
        details = judged[of[0].name].details
        others = [k for k in details if k.startswith(f"{name}:") and not k.endswith(_MATCHED_AT)]
        lines += [_line(details[key], 2, None) for key in others]
    for place, judgement in enumerate(of):
        curve = judged[judgement.name].details[f"{name}:{_MATCHED_AT}"]
        lines.append(_line(curve, place, judgement.threshold))
    return lines


def _line(curve: dict[str, Any], style: int, threshold: float | None) -> Line:
    """A curve up to its largest recall, where the devkit's confidence ends."""
    scores = np.array(curve["confidence"])
    end = int((scores > 0).sum())
    xs, ys = curve["recall"][:end], curve["precision"][:end]
    dot = None
    if threshold is not None and (above := int((scores >= threshold).sum())):
        dot = (xs[above - 1], ys[above - 1])
    return Line("", xs, ys, style, dot)


def slice_sections(of: Sequence[Judgement]) -> list[Section]:
    """A section that explains, then one a way to cut the split."""
    thresholds = " and ".join(f"{j.name} {j.threshold:.2f}".strip() for j in of)
    words = (
        f"Recall, false predictions and errors are those at score {thresholds}, matched at 2 m as"
        " the devkit does. A prediction that takes an object counts in that object's slice, a"
        " false one in the slice of its own distance, size, speed or camera, so that slices add up"
        " to the whole. AP is that at 2 m over all scores, the mean over the classes with objects"
        " in the slice. Precision and AP are left out where the claim of a false prediction says"
        " too little."
    )
    every = [(*_slice_row(scores_of_slices(j.split, whole(j.split), j.threshold)[0]),) for j in of]
    named = [(f"{row[0]} {j.name}".strip(), *row[1:]) for row, j in zip(every, of, strict=True)]
    sections = [
        Section("slices", "By slice", (Words(words), Table("whole", _SLICE_COLUMNS, tuple(named))))
    ]
    axes = [axes_of(j.split, j.facts) for j in of]
    for same in zip(*axes, strict=True):
        sections.append(_axis_section(of, same))
    return sections


def _axis_section(of: Sequence[Judgement], axes: Sequence[Axis]) -> Section:
    """The chart of recalls by slice, and a table a submission."""
    scores = [
        scores_of_slices(j.split, axis, j.threshold) for j, axis in zip(of, axes, strict=True)
    ]
    first, axis = scores[0], axes[0]
    names = tuple(s.name for s in first if s.objects)
    series = []
    for judgement, found in zip(of, scores, strict=True):
        recall = {s.name: s.recall for s in found}
        series.append((judgement.name, tuple(recall[name] for name in names)))
    legend = [(j.name, place) for place, j in enumerate(of)] if len(of) > 1 else []
    charts = Charts((BarChart("recall", names, tuple(series)),), tuple(legend))
    tables = [
        Table(
            key_of("slices", axis.name, judgement.name),
            (Column(f"{judgement.name} {axis.name}".strip()), *_SLICE_COLUMNS[1:]),
            tuple(_slice_row(s) for s in found),
        )
        for judgement, found in zip(of, scores, strict=True)
    ]
    title = f"By {axis.name}"
    return Section(key_of("by", axis.name), title, (Words(_told(axis)), charts, *tables), level=3)


def _told(axis: Axis) -> str:
    return f"{axis.rule[0].upper()}{axis.rule[1:]}."


def _slice_row(scores: SliceScores) -> tuple[Value, ...]:
    errors = [scores.errors[name] for name in ERRORS]
    return (
        scores.name, scores.objects, scores.hits, scores.recall, scores.false, scores.precision,
        scores.ap, *errors,
    )  # fmt: skip


def confusion_section(of: Sequence[Judgement]) -> Section:
    """What predictions are in truth."""
    words = (
        "Rows are what stands there, columns what was predicted. A prediction above the threshold"
        " counts with the object that it takes, else with the nearest object within 2 m of it,"
        " whose class is another; 'seen twice' if that object has its class and another prediction;"
        " 'nothing there' without an object. The diagonal and 'missed' add up to the objects. Tints"
        " are shares of the objects of a row, below of the predictions of a column."
    )
    heats = [_confusion_heat(judgement) for judgement in of]
    return Section("confusion", "Confusion of classes", (Words(words), *heats))


def _confusion_heat(of: Judgement) -> Heat:
    found = confusion(of.split, of.threshold)
    names = [*map(spoken, DETECTION_CLASSES), "seen twice", "nothing there"]
    predicted = found.counts.sum(0)
    rows: list[tuple[Value, ...]] = []
    shares = []
    for place, name in enumerate(names):
        known = place not in (TWICE, NOTHING)
        counts = found.counts[place].tolist()
        ends = [int(found.missed[place]), int(found.objects[place])] if known else [None, None]
        rows.append((name, *counts, *ends))
        scale = np.full(len(counts), found.objects[place]) if known else predicted
        share = found.counts[place] / np.maximum(scale, 1)
        missed = found.missed[place] / max(found.objects[place], 1) if known else 0.0
        shares.append((*np.minimum(share, 1.0).tolist(), float(missed), 0.0))
    columns = [f"{of.name} truth".strip(), *map(spoken, DETECTION_CLASSES), "missed", "objects"]
    table = Table(
        key_of("confusion", of.name),
        tuple(Column(name) for name in columns),
        (*rows, ("predictions", *predicted.tolist(), None, None)),
    )
    blank = (0.0,) * (len(columns) - 1)
    right = frozenset((place, place) for place in range(len(DETECTION_CLASSES)))
    return Heat(table, (*shares, blank), right)


def worst_section(of: Judgement, photographer: Photographer, pictures: int) -> Section:
    """The scenes and frames with most errors."""
    counts = count_frames(of.split, of.threshold)
    order = np.argsort(-counts.wrong, kind="stable")[:pictures]
    chosen = [int(frame) for frame in order if counts.wrong[frame]]
    gallery = Gallery(tuple(photographer.picture(of, frame, "") for frame in chosen))
    words = (
        "Sorted by missed objects and false predictions. A picture has room for one camera, the one"
        f" with most of them; the replay, which it opens, shows all. {OUTCOME_WORDS}"
    )
    title = f"Worst scenes and frames of {of.name}" if of.name else "Worst scenes and frames"
    scenes = _scene_gallery(of, counts, photographer, -(-pictures // 3))
    told = "The scenes with most errors a frame, each with its worst frame:"
    blocks = (Words(words), gallery, Words(told), scenes, scene_table(of, counts))
    return Section(key_of("worst", of.name), title, blocks)


def _scene_gallery(
    of: Judgement, counts: FrameCounts, photographer: Photographer, pictures: int
) -> Gallery:
    """The worst scenes, each as its worst frame."""
    order, rate = _worst_scenes(of, counts)
    shown = []
    for scene in order[:pictures]:
        if rate[scene]:
            frame = int(np.where(of.facts.scene == scene, counts.wrong, -1).argmax())
            title = f"{of.facts.scenes[scene]}: {rate[scene]:.1f} errors a frame"
            shown.append(photographer.picture(of, frame, " in its worst frame", title))
    return Gallery(tuple(shown))


def _worst_scenes(of: Judgement, counts: FrameCounts) -> tuple[list[int], NDArray[np.float64]]:
    """The scenes in the order of their errors a frame, and these."""
    facts = of.facts
    frames = np.bincount(facts.scene, minlength=len(facts.scenes))
    rate = counts.by_scene(facts.scene, len(facts.scenes)).wrong / frames
    return np.argsort(-rate, kind="stable").tolist(), rate


def scene_table(of: Judgement, counts: FrameCounts) -> Table:
    """One row a scene, the worst first."""
    facts = of.facts
    scenes = counts.by_scene(facts.scene, len(facts.scenes))
    frames = np.bincount(facts.scene, minlength=len(facts.scenes))
    order, rate = _worst_scenes(of, counts)
    rows = [
        (
            facts.scenes[s], int(frames[s]), int(scenes.objects[s]),
            int(scenes.objects[s] - scenes.hits[s]), int(scenes.false[s]),
            float(rate[s]), facts.descriptions[s],
        )
        for s in order
    ]  # fmt: skip
    columns = (
        Column("scene"), Column("frames"), Column("objects"), Column("missed"), Column("false"),
        Column("errors per frame", 1), Column("description"),
    )  # fmt: skip
    return Table(key_of("scenes", of.name), columns, tuple(rows))


def frame_table(of: Judgement) -> Table:
    """One row a frame in the order of the devkit; for files."""
    counts, facts = count_frames(of.split, of.threshold), of.facts
    rows = [
        (token, facts.scenes[facts.scene[f]], int(counts.objects[f]),
         int(counts.objects[f] - counts.hits[f]), int(counts.false[f]))
        for f, token in enumerate(of.split.tokens)
    ]  # fmt: skip
    names = ("token", "scene", "objects", "missed", "false")
    return Table(key_of("frames", of.name), tuple(Column(name) for name in names), tuple(rows))
