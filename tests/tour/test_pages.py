"""Both pages say what the blocks say, and take nothing in them for their own language."""

from html.parser import HTMLParser

import pytest

from drivetr.tour.blocks import Formula, Picture, Table, Text
from drivetr.tour.html import html_page
from drivetr.tour.markdown import markdown_page
from drivetr.tour.record import Record
from drivetr.tour.section import Section

WILD = 'a <b> & "c" | *d* _e_ `f` [g](h)'


def section(foreign: bool = False) -> Section:
    record = Record("words", 3, 0.5, 12.3, {}, {})
    blocks = [
        Text(WILD),
        Formula("x < y", WILD),
        Picture("figure", WILD),
        Table(("head", WILD), (("1", WILD),)),
    ]
    return Section(record, WILD, blocks, foreign)


class Reader(HTMLParser):
    """Collects tags and texts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def read() -> Reader:
    reader = Reader()
    reader.feed(html_page([section()]))
    return reader


def test_html_shows_texts_literally(read):
    assert read.text.count(WILD) == 7  # contents, heading, and five of the blocks
    assert next(attrs["alt"] for tag, attrs in read.tags if tag == "img") == WILD
    assert "b" not in {tag for tag, _ in read.tags}


def test_html_needs_no_script_and_no_network(read):
    assert "script" not in {tag for tag, _ in read.tags}
    linked = [a.get("src") or a.get("href") or a.get("srcset") for _, a in read.tags]
    assert not any("//" in name for name in linked if name)
    policy = next(a["content"] for _, a in read.tags if a.get("http-equiv"))
    assert policy.startswith("default-src 'none'")


def test_html_tells_command_and_cost(read):
    assert "drivetr tour OUT --only words" in read.text
    assert "12 CPU-seconds, seed 3, with 50% of the usual training" in read.text


def test_markdown_shows_texts_literally():
    page = markdown_page([section()], "tour")
    escaped = r'a \<b\> & "c" \| \*d\* \_e\_ \`f\` \[g\](h)'
    assert page.count(escaped) == 7
    assert WILD not in page
    assert "(tour/figure.png)" in page
    assert "\n```\nx < y\n```\n" in page


def test_markdown_leaves_out_pictures_of_others():
    page = markdown_page([section(foreign=True)], "tour")
    assert "figure.png" not in page
    assert "Picture, drawn by `drivetr tour OUT --only words`" in page
