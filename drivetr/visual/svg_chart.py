"""Small charts as SVG text; colours come from the classes of the page's style."""

import math
from collections.abc import Sequence
from html import escape

from drivetr.visual.report import BarChart, LineChart

_WIDTH, _HEIGHT = 240, 190  # of a line chart
_LEFT, _TOP, _RIGHT, _BOTTOM = 42, 24, 8, 34  # its margins
_BAR, _GAP, _NAMES = 11, 9, 158  # thickness, space between groups, width of their names
_BAR_WIDTH = 400
_NUMBER = 36  # width of the number behind a bar


def line_chart(chart: LineChart) -> str:
    """Lines over two axes as an SVG element."""
    inner = (_WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM)
    parts = [_text(_LEFT, 14, chart.title, "title")]
    for tick in (0.0, 0.5, 1.0):
        x, y = _place(tick, tick, inner)
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<path class="grid" d="M{x:.1f} {_TOP}V{_HEIGHT - _BOTTOM}"/>')
        across, up = (f"{round(tick * end, 3):g}" for end in (chart.x_end, chart.y_end))
        parts.append(_text(_LEFT - 5, y + 3.5, up, "tick end"))
        parts.append(_text(x, _HEIGHT - _BOTTOM + 13, across, "tick mid"))
    parts.append(_text(_LEFT + inner[0] / 2, _HEIGHT - 5, chart.x, "tick mid"))
    middle = _TOP + inner[1] / 2
    turned = (
        f'<g transform="rotate(-90 11 {middle:.1f})">{_text(11, middle, chart.y, "tick mid")}</g>'
    )
    parts.append(turned)
    for line in chart.lines:
        points = list(zip(line.xs, line.ys, strict=True))
        places = [_place(x / chart.x_end, y / chart.y_end, inner) for x, y in points]
        if len(places) > 1:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            parts.append(f'<polyline class="line s{line.style}" points="{path}"/>')
        if line.dot is not None:
            x, y = _place(line.dot[0] / chart.x_end, line.dot[1] / chart.y_end, inner)
            parts.append(f'<circle class="dot s{line.style}" cx="{x:.1f}" cy="{y:.1f}" r="3.2"/>')
    return _svg(_WIDTH, _HEIGHT, chart.title, parts)


def bar_chart(chart: BarChart) -> str:
    """Horizontal bars of 0..1 as an SVG element."""
    step = _BAR * len(chart.series) + _GAP
    height = _TOP + step * len(chart.names)
    span = _BAR_WIDTH - _NAMES - _NUMBER
    parts = [_text(0, 14, chart.title, "title")]
    for group, name in enumerate(chart.names):
        top = _TOP + group * step
        middle = top + _BAR * len(chart.series) / 2 + 4
        parts.append(_text(_NAMES - 8, middle, name, "tick end"))
        for place, (_, values) in enumerate(chart.series):
            parts += _bar(values[group], top + place * _BAR, span, place)
    return _svg(_BAR_WIDTH, height, chart.title, parts)


def _bar(value: float, top: float, span: float, style: int) -> list[str]:
    """One bar on its track, and its number."""
    track = f'<rect class="track" x="{_NAMES}" y="{top}" width="{span}" height="{_BAR - 2}"/>'
    if math.isnan(value):
        return [track, _text(_NAMES + 4, top + _BAR - 3, "–", "tick")]
    length = span * min(max(value, 0.0), 1.0)
    bar = (
        f'<rect class="bar s{style}" x="{_NAMES}" y="{top}" width="{length:.1f}"'
        f' height="{_BAR - 2}"/>'
    )
    return [track, bar, _text(_NAMES + span + 5, top + _BAR - 3, f"{value:.2f}", "tick")]


def _place(x: float, y: float, inner: Sequence[float]) -> tuple[float, float]:
    """Where a point of 0..1 stands in a line chart."""
    return _LEFT + x * inner[0], _TOP + (1 - y) * inner[1]


def _text(x: float, y: float, words: str, style: str) -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _svg(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'
        + "".join(parts)
        + "</svg>"
    )
