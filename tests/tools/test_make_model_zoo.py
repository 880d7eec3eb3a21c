"""The document and the metafile say the same, and what they say can be done."""

import re
import shlex
from pathlib import Path

import pytest

from drivetr.cli.main import build_parser
from drivetr.engine.box_conventions import CONVENTIONS
from drivetr.engine.zoo import published_detectors
from tools.make_model_zoo import BEGIN, DOCUMENT, END, commands, table

ENTRIES = published_detectors()
ROOT = Path(__file__).parents[2]


def document() -> str:
    return DOCUMENT.read_text()


def test_the_table_is_that_of_the_metafile():
    text = document()
    shown = text[text.index(BEGIN) + len(BEGIN) : text.index(END)]
    assert shown.strip() == table()


def test_every_config_that_says_so_is_in_the_metafile():
    listed = {entry.config for entry in ENTRIES.values()}
    named = {path for path in (ROOT / "configs").rglob("*.py") if "model_zoo" in path.read_text()}
    assert named <= listed


def test_every_linked_file_exists():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", document())
    assert links
    assert all((DOCUMENT.parent / link).is_file() for link in links)


@pytest.mark.parametrize("name", ENTRIES)
def test_commands_parse_and_name_what_there_is(name):
    entry = ENTRIES[name]
    convert, test = (shlex.split(line) for line in commands(entry).splitlines())
    parsed = build_parser().parse_args(convert[1:])
    assert (parsed.model, parsed.box_convention) == (name, entry.box_conventions[0])
    assert set(entry.box_conventions) <= set(CONVENTIONS)
    assert build_parser().parse_args(test[1:]).config_or_checkpoint == parsed.out


def test_commands_of_entries_stand_apart():
    blocks = table().split("```")[1].strip().split("\n\n")
    assert blocks == [commands(entry) for entry in ENTRIES.values()]


@pytest.mark.parametrize("name", ENTRIES)
def test_facts_are_complete(name):
    facts = ENTRIES[name].facts
    figures, weights = facts["figures"], facts["weights"]
    assert 20 < figures["mAP"] < figures["NDS"] < 70
    for address in (figures["source"], weights["address"]):
        assert address.startswith("https://")
    assert weights["licence"] in ("Apache-2.0", "MIT")
    assert facts["checked"]
    assert facts["paper"]


def test_the_doctor_s_command_parses():
    line = next(line for line in document().splitlines() if line.startswith("drivetr doctor"))
    build_parser().parse_args(shlex.split(line)[1:])
