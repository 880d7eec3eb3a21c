"""A folder of the tour: whose it is, what a failed part leaves, and the page from stored data."""

import json
import re

import pytest

from drivetr.errors import DrivetrError
from drivetr.tour import attention, convolution
from drivetr.tour.blocks import Text
from drivetr.tour.part import Part
from drivetr.tour.parts import NAMES, check_names
from drivetr.tour.record import record_path
from drivetr.tour.run import make_tour, write_markdown


@pytest.fixture
def out(tmp_path):
    return tmp_path / "tour"


@pytest.fixture
def plain(monkeypatch):
    """Two parts without figures, for what is about folders and pages."""

    def tell(data):
        return [Text(f"seed {data['seed']}")]

    for module in (attention, convolution):
        part = Part("a title", lambda settings: {"seed": settings.seed}, lambda _: {}, tell)
        monkeypatch.setattr(module, "PART", part)


def test_page_pictures_and_data(out, settings):
    make_tour(out, ("convolution",), settings)
    page = (out / "index.html").read_text(encoding="utf-8")
    named = set(re.findall(r'(?:src|srcset|href)="([^"#]+)"', page))
    assert named
    assert all((out / name).is_file() for name in named)
    assert "drivetr tour OUT --only convolution" in page
    record = json.loads(record_path(out, "convolution").read_text(encoding="utf-8"))
    assert record["data"]["output"] == [9, 0, 1, 3, -5, -3, 6]
    assert record["seed"] == 0


def test_the_same_seed_gives_the_same_bytes(out, settings, tmp_path):
    other = tmp_path / "again"
    for folder in (out, other):
        make_tour(folder, ("attention",), settings)
    assert (out / "attention.png").read_bytes() == (other / "attention.png").read_bytes()


def test_parts_of_an_earlier_run_stay_on_the_page(out, settings, plain):
    make_tour(out, ("attention",), settings)
    make_tour(out, ("convolution",), settings)
    page = (out / "index.html").read_text(encoding="utf-8")
    assert page.index('id="convolution"') < page.index('id="attention"')


def test_a_folder_of_somebody_else_is_left_alone(out, settings):
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(DrivetrError, match="holds thesis.txt"):
        make_tour(out, ("convolution",), settings)
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


def test_a_file_is_no_folder(out, settings):
    out.write_text("mine")
    with pytest.raises(DrivetrError, match="is a file"):
        make_tour(out, ("convolution",), settings)


def test_a_failed_part_is_named_and_the_others_go_on(out, settings, plain, monkeypatch):
    def fail(_):
        raise DrivetrError("no digits")

    make_tour(out, ("attention",), settings)
    broken = Part("", fail, attention.draw, attention.tell)
    monkeypatch.setattr(attention, "PART", broken)
    with pytest.raises(DrivetrError, match=r"attention: no digits: 1 parts are left out"):
        make_tour(out, ("attention", "convolution"), settings)
    page = (out / "index.html").read_text(encoding="utf-8")
    assert 'id="convolution"' in page
    assert 'id="attention"' not in page, "what an earlier run computed is not shown as this one's"


@pytest.mark.parametrize("content", ["{", "[]", '{"part": "attention"}'])
def test_damaged_data_is_told(out, settings, plain, content):
    make_tour(out, ("attention",), settings)
    record_path(out, "attention").write_text(content, encoding="utf-8")
    with pytest.raises(DrivetrError, match=r"attention.json is damaged.*--only attention again"):
        make_tour(out, ("convolution",), settings)
    assert 'id="convolution"' in (out / "index.html").read_text(encoding="utf-8")
    make_tour(out, ("attention",), settings)


def test_data_of_another_drivetr_is_told(out, settings, plain):
    make_tour(out, ("attention",), settings)
    path = record_path(out, "attention")
    path.write_text(path.read_text().replace('"format":1', '"format":0'), encoding="utf-8")
    with pytest.raises(DrivetrError, match="is of part, format and drivetr"):
        make_tour(out, ("convolution",), settings)


def test_names_come_in_the_order_of_the_road():
    assert check_names([]) == NAMES
    assert check_names(["attention", "convolution", "attention"]) == ("convolution", "attention")
    with pytest.raises(DrivetrError, match="--only lenet: no such part; the parts are convolution"):
        check_names(["lenet"])


def test_markdown_wants_the_whole_tour(out, settings, plain, tmp_path):
    make_tour(out, ("convolution",), settings)
    with pytest.raises(DrivetrError, match="lacks filters"):
        write_markdown(out, tmp_path / "tour.md")


@pytest.mark.slow
def test_the_whole_tour_in_short(out, settings, tmp_path):
    pytest.importorskip("sklearn")
    make_tour(out, NAMES, settings)
    page = (out / "index.html").read_text(encoding="utf-8")
    assert [name for name in NAMES if f'id="{name}"' not in page] == []
    assert not re.search(r"\bnan\b|\binf\b|https?:", page.lower())
    write_markdown(out, tmp_path / "docs" / "tour.md")
    text = (tmp_path / "docs" / "tour.md").read_text(encoding="utf-8")
    pictures = re.findall(r"\]\(([^)]+\.png)\)", text)
    assert pictures
    assert all((tmp_path / "docs" / name).is_file() for name in pictures)
    assert not any("filters" in name or "vit" in name for name in pictures)
