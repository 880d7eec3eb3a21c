"""Whatever JSON stands in a file: drivetr uses it, or refuses it in a sentence.

benchmarks/fuzz.py damages more kinds of files, by chance; Hypothesis finds the smallest fault.
"""

import copy
import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fuzz_mutations import places
from benchmarks.fuzz_targets import SMALL, VERSION, targets
from drivetr.data.nuscenes.index import open_index
from drivetr.errors import DrivetrError
from tests.data.nuscenes.table_factory import make_tables, write_tables

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
KINDS = {"tables": f"{VERSION}/*.json", "detections": "boxes.json", "tracks": "boxes.json",
         "rig": "rig.json"}  # fmt: skip
SHORT = settings(max_examples=25, derandomize=True)


class Kind:
    """A folder of a kind of file in good order, and its reader."""

    def __init__(self, name: str, folder: Path) -> None:
        self.folder = folder
        self.target = targets(folder)[name]
        self.target.prepare(folder)
        self.files = sorted(folder.glob(KINDS[name]))

    def use_with(self, file: Path, content: object) -> None:
        """Reads the folder where one file has another content; it may be refused."""
        good = file.read_bytes()
        file.write_text(json.dumps(content), encoding="utf-8")
        try:
            with suppress(DrivetrError):
                self.target.use(self.folder)
        finally:
            file.write_bytes(good)


@pytest.fixture(scope="module", params=KINDS)
def kind(request, tmp_path_factory):
    return Kind(request.param, tmp_path_factory.mktemp("kind"))


@SHORT
@given(data=st.data(), content=ANY_JSON)
def test_the_whole_file(kind, data, content):
    kind.use_with(data.draw(st.sampled_from(kind.files)), content)


@SHORT
@given(data=st.data(), value=ANY_JSON)
def test_one_value(kind, data, value):
    file = data.draw(st.sampled_from(kind.files))
    content = json.loads(file.read_text(encoding="utf-8"))
    parent, key = data.draw(st.sampled_from(list(places(content))))
    parent[key] = value
    kind.use_with(file, content)


@settings(max_examples=4, derandomize=True)
@given(data=st.data())
def test_the_order_of_rows_means_nothing(data, tmp_path_factory):
    """Tables are joined by tokens: shuffled, they give the same samples."""
    tables = make_tables(SMALL, shuffle=False)
    shuffled = {name: data.draw(st.permutations(rows)) for name, rows in tables.items()}
    found = []
    for content in (tables, copy.deepcopy(shuffled)):
        folder = tmp_path_factory.mktemp("order")
        write_tables(folder, content, VERSION)
        index = open_index(folder, VERSION, folder / "cache")
        samples = (index.sample(row) for row in range(len(index)))
        found.append({sample.token: len(sample.cameras) for sample in samples})
    assert found[0] == found[1]
    assert len(found[0]) == len(tables["sample"])
