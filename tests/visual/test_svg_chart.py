"""Charts are read back: lines and bars stand where the numbers say."""

import math
import xml.etree.ElementTree as ET

import pytest

from drivetr.visual.report import BarChart, Line, LineChart
from drivetr.visual.svg_chart import bar_chart, line_chart


def by_style(svg, style):
    return [e for e in ET.fromstring(svg).iter() if style in (e.get("class") or "").split()]


def points_of(element):
    return [tuple(map(float, pair.split(","))) for pair in element.get("points").split()]


class TestLineChart:
    def test_points_are_linear_in_the_values(self):
        line = Line("a", [0.0, 0.25, 1.0], [1.0, 0.5, 0.0], 1, dot=(0.25, 0.5))
        svg = line_chart(LineChart("t", "x", "y", (line,)))
        (drawn,) = by_style(svg, "line")
        assert drawn.get("class") == "line s1"
        (x0, y0), (x1, y1), (x2, y2) = points_of(drawn)
        assert (x1 - x0) / (x2 - x0) == pytest.approx(0.25, abs=1e-3)
        assert (y1 - y0) / (y2 - y0) == pytest.approx(0.5, abs=1e-3)
        assert y0 < y2  # up is more
        (dot,) = by_style(svg, "dot")
        assert (float(dot.get("cx")), float(dot.get("cy"))) == (x1, y1)

    def test_within_its_box(self):
        svg = line_chart(LineChart("t", "x", "y", (Line("a", [0, 1], [0, 1], 0),)))
        width, height = map(float, ET.fromstring(svg).get("viewBox").split()[2:])
        for x, y in points_of(by_style(svg, "line")[0]):
            assert 0 < x < width
            assert 0 < y < height

    @pytest.mark.parametrize("xs", [[], [0.5]])
    def test_nothing_to_draw(self, xs):
        assert not by_style(line_chart(LineChart("t", "x", "y", (Line("a", xs, xs, 0),))), "line")


class TestBarChart:
    def test_lengths_are_shares_of_the_track(self):
        chart = BarChart("r", ("one", "<two>"), (("A", (0.25, 1.0)), ("B", (0.0, math.nan))))
        svg = bar_chart(chart)
        full = float(by_style(svg, "track")[0].get("width"))
        lengths = [float(bar.get("width")) / full for bar in by_style(svg, "bar")]
        assert lengths == pytest.approx([0.25, 0.0, 1.0], abs=1e-3)
        texts = [element.text for element in ET.fromstring(svg).iter() if element.text]
        assert texts == ["r", "one", "0.25", "0.00", "<two>", "1.00", "–"]
        tops = [float(track.get("y")) for track in by_style(svg, "track")]
        assert tops == sorted(set(tops))
