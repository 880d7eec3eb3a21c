"""The result of a robustness test as a table on the terminal and as a page."""

from collections.abc import Sequence
from math import ceil
from statistics import fmean

from drivetr.data.corruptions.catalogue import CORRUPTIONS, PROTOCOL, RIG_FAULTS, SEVERITIES
from drivetr.engine.robustness_summary import RobustnessSummary, Row
from drivetr.evaluation.nuscenes.report import aligned_rows
from drivetr.visual.report import (
    Block,
    Charts,
    Column,
    Figures,
    Gallery,
    Line,
    LineChart,
    Picture,
    Report,
    Section,
    Table,
    Value,
    Words,
)

_METRICS = ("NDS", "mAP")


def table_text(summary: RobustnessSummary) -> str:
    """NDS by severity, CE and RR, and the faults of the rig, in columns."""
    scores = summary.scores
    lines = [f"Clean: NDS {summary.clean['NDS']:.4f}, mAP {summary.clean['mAP']:.4f}"]
    protocol = [name for name in summary.rows if name in PROTOCOL]
    if protocol:
        rows = [["NDS", *(str(s) for s in SEVERITIES), "mean", "CE", "RR"]]
        for name in protocol:
            nds = [_number(value, 4) for value in _nds(summary, name)]
            rates = [_number(of.get(name), 2) for of in (scores.errors, scores.rates)]
            rows.append([PROTOCOL[name].title, *nds, *rates])
        lines += ["", *aligned_rows(rows), "", _means_text(summary)]
    faults = [name for name in summary.rows if name in RIG_FAULTS]
    if faults:
        rows = [["Rig", "", *_METRICS]]
        for name in faults:
            for severity, row in summary.rows[name].items():
                told = RIG_FAULTS[name].severity_text(severity)
                rows.append([RIG_FAULTS[name].title, told, *(f"{row[m]:.4f}" for m in _METRICS)])
        lines += ["", *aligned_rows(rows)]
    return "\n".join(lines)


def _nds(summary: RobustnessSummary, name: str) -> list[float | None]:
    """NDS of each severity, None where it was not tested, and the mean of those that were."""
    rows = summary.rows[name]
    values = [rows[s]["NDS"] if s in rows else None for s in SEVERITIES]
    return [*values, fmean(row["NDS"] for row in rows.values())]


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _means_text(summary: RobustnessSummary) -> str:
    """The two means, and over what."""
    scores = summary.scores
    words = [f"mRR {_number(scores.mrr, 2)} over {len(scores.rates)} of {len(PROTOCOL)}"]
    if scores.errors:
        assert summary.baseline is not None
        words.append(
            f"mCE {_number(scores.mce, 2)} over {len(scores.errors)} of {len(PROTOCOL)},"
            f" against {summary.baseline.name}"
        )
    else:
        words.append("no mCE without a baseline on this split (--baseline FILE.json)")
    return "; ".join(words)


def report_of(summary: RobustnessSummary, sheets: Sequence[Picture]) -> Report:
    """The page."""
    sections = [Section("summary", "Summary", (_figures(summary), Words(_means_text(summary))))]
    if any(name in PROTOCOL for name in summary.rows):
        sections.append(Section("corruptions", "Corruptions", _corruption_blocks(summary)))
    if any(name in RIG_FAULTS for name in summary.rows):
        sections.append(Section("rig", "Faults of the rig", _rig_blocks(summary)))
    sections.append(Section("pictures", "What it looks like", (Gallery(tuple(sheets)),)))
    lines = (
        *summary.about.items(),
        *((f"without {k}", why) for k, why in summary.left_out.items()),
    )
    return Report("Bad weather and broken rigs", lines, tuple(sections))


def _figures(summary: RobustnessSummary) -> Figures:
    scores = summary.scores
    return Figures(
        (
            ("NDS, clean", f"{summary.clean['NDS']:.4f}", ""),
            ("mAP, clean", f"{summary.clean['mAP']:.4f}", ""),
            ("mRR", _number(scores.mrr, 2), "NDS kept, in percent"),
            ("mCE", _number(scores.mce, 2), "error, the baseline's being 100"),
        )
    )


def _corruption_blocks(summary: RobustnessSummary) -> tuple[Block, ...]:
    scores = summary.scores
    rows: list[tuple[Value, ...]] = [
        (
            PROTOCOL[name].title,
            *_nds(summary, name),
            fmean(row["mAP"] for row in summary.rows[name].values()),
            scores.errors.get(name),
            scores.rates.get(name),
        )
        for name in summary.rows
        if name in PROTOCOL
    ]
    columns = (Column("corruption"), *(Column(f"NDS at {s}", 4) for s in SEVERITIES))
    columns += (Column("mean NDS", 4), Column("mean mAP", 4), Column("CE", 2), Column("RR", 2))
    note = (
        "CE: the lost NDS (1 - NDS) against the baseline's, in percent, less is better. RR: the NDS"
        " that is kept of the clean one, in percent, more is better. Severities 1, 2 and 3 are the"
        " easy, moderate and hard levels of RoboBEV (arXiv:2304.06719)."
    )
    return (Table("corruptions", columns, tuple(rows), note),)


def _rig_blocks(summary: RobustnessSummary) -> tuple[Block, ...]:
    faults = [name for name in summary.rows if name in RIG_FAULTS]
    top = max(_highest(summary.rows[name]) for name in faults)
    top = max(top, *(summary.clean[metric] for metric in _METRICS))
    top = max(0.2, ceil(top / 0.2) * 0.2)  # so that the ticks at its half are short numbers
    charts = tuple(_curve(summary, name, top) for name in faults)
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (f"{RIG_FAULTS[name].title}, {RIG_FAULTS[name].severity_text(severity)}", *row.values())
        for name in faults
        for severity, row in summary.rows[name].items()
    )
    columns = (Column("fault"), *(Column(name, 4) for name in summary.clean))
    legend = tuple((metric, style) for style, metric in enumerate(_METRICS))
    note = (
        "The left end of each line is the clean rig. Turns, shifts, swaps, dirt and the choice of"
        " the late camera are drawn anew for every scene; the truth stays where it is."
    )
    return (Charts(charts, legend, note), Table("rig-faults", columns, rows))


def _highest(rows: dict[float, Row]) -> float:
    return max(row[metric] for row in rows.values() for metric in _METRICS)


def _curve(summary: RobustnessSummary, name: str, top: float) -> LineChart:
    """NDS and mAP over the severity of one fault, from the clean rig on."""
    rows = {0.0: summary.clean, **summary.rows[name]}
    lines = tuple(
        Line(metric, list(rows), [row[metric] for row in rows.values()], style)
        for style, metric in enumerate(_METRICS)
    )
    fault = CORRUPTIONS[name]
    return LineChart(
        fault.title, fault.unit or "severity", "NDS, mAP", lines, x_end=max(rows), y_end=top
    )
