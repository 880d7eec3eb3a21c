"""The page of a report: well-formed, escaped, closed to the outside, and telling the numbers."""

import base64
import hashlib
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from drivetr.errors import DrivetrError
from drivetr.visual.jpeg import encode_jpeg
from drivetr.visual.report import (
    BarChart,
    Charts,
    Column,
    Figures,
    Gallery,
    Heat,
    Line,
    LineChart,
    Picture,
    Report,
    Section,
    Table,
    Words,
)
from drivetr.visual.report_page import report_page, value_text, write_report

EVIL = "</script><script>alert('x')</script>\"onload='y' & <u>"
VOID = {"meta", "img", "br", "path", "rect", "circle", "polyline"}


class Reader(HTMLParser):
    """Collects tags, attributes and text, and checks that tags close in order."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def report(word="car", link="", jpeg=None):
    table = Table(
        "numbers",
        (Column(word), Column("count"), Column("change", 2, -1)),
        ((word, 1234, -0.5), ("b", 0, 0.25), ("c", None, math.nan)),
        word,
    )
    heat = Heat(table, ((0.5, 0.0), (0.0, 1.0), (0.0, 0.0)), frozenset({(0, 0)}))
    bars = Charts((BarChart("recall", (word, "b"), (("A", (0.5, math.nan)),)),), ((word, 0),))
    lines = Charts((LineChart(word, "x", "y", (Line(word, [0, 1], [1, 0], 0, (0.5, 0.5)),)),))
    picture = Picture(jpeg, (4, 8), word, word, link, "" if link else word)
    blocks = (
        Words(word),
        bars,
        table,
        lines,
        heat,
        Gallery((picture,)),
        Figures(((word, "1", ""),)),
    )
    return Report(word, ((word, word),), (Section("part", word, blocks),))


class TestReportPage:
    def test_hostile_words_stay_text(self):
        reader = read(report_page(report(EVIL)))
        assert "u" not in reader.tags
        assert reader.tags.count("script") == 1
        assert "onload" not in dict(reader.attributes)
        assert reader.text.count(EVIL) >= 10
        assert ("aria-label", EVIL) in reader.attributes

    def test_nothing_is_loaded(self):
        page = report_page(report(jpeg=encode_jpeg(np.zeros((4, 8, 3), np.uint8))))
        reader = read(page)
        loads = [v for k, v in reader.attributes if k in ("src", "srcset", "data", "action")]
        assert len(loads) == 1
        assert loads[0].startswith("data:image/jpeg;base64,")
        assert not {"link", "iframe", "object", "base", "form"} & set(reader.tags)
        assert "url(" not in page
        assert "@import" not in page

    def test_the_policy_allows_this_style_and_script_and_data_only(self):
        page = report_page(report())
        digests = [
            base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
            for part in re.search(
                r"<style>(.*?)</style>.*<script type=.module.>(.*?)</script>", page, re.DOTALL
            ).groups()
        ]
        attributes = [v for k, v in read(page).attributes if k == "content"]
        policy = next(value for value in attributes if "default-src" in value)
        assert policy == (
            f"default-src 'none'; img-src data:; style-src 'sha256-{digests[0]}';"
            f" script-src 'sha256-{digests[1]}'; base-uri 'none'; form-action 'none'"
        )
        assert not any(key == "style" for key, _ in read(page).attributes)

    def test_numbers_and_colours(self):
        page = report_page(report())
        assert "<td>1,234</td>" in page
        assert '<td class="good">-0.50</td>' in page
        assert '<td class="bad">+0.25</td>' in page
        assert "<td>–</td><td>–</td>" in page
        assert '<td class="r4">1,234</td>' in page  # half of the seven steps
        assert '<td class="w7">+0.25</td>' in page

    def test_pictures_link_or_tell_a_command(self):
        linked = read(report_page(report(link="replay.html#frame=a%26b")))
        assert ("href", "replay.html#frame=a%26b") in linked.attributes
        told = read(report_page(report("look here")))
        assert told.tags.count("code") == 1
        assert "no image" in told.text

    def test_written_whole(self, tmp_path):
        write_report(tmp_path / "a/report.html", report("Größe 汉字"))
        assert "Größe 汉字" in (tmp_path / "a/report.html").read_text(encoding="utf-8")
        (tmp_path / "file").touch()
        with pytest.raises(DrivetrError, match="cannot be written"):
            write_report(tmp_path / "file/report.html", report())


@pytest.mark.parametrize(
    ("value", "column", "text"),
    [
        (None, Column(""), "–"), (math.nan, Column(""), "–"), ("x", Column(""), "x"),
        (12345, Column(""), "12,345"), (0.12345, Column(""), "0.123"),
        (0.00001, Column("", 3, 1), "0.000"), (-0.00001, Column("", 3, 1), "0.000"),
        (0.5, Column("", 1, 1), "+0.5"), (3, Column("", 3, -1), "+3"), (0, Column("", 3, -1), "0"),
    ],
)  # fmt: skip
def test_value_text(value, column, text):
    assert value_text(value, column) == text
