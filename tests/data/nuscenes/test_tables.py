"""Reading tables: every JSON list as the standard library has it, every fault with its place."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivetr.data.nuscenes import json_rows
from drivetr.data.nuscenes.json_rows import JsonRows
from drivetr.data.nuscenes.store import digest_of
from drivetr.data.nuscenes.tables import KeyTable, read_table, texts
from drivetr.data.report import Report
from drivetr.errors import DrivetrError

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
_ROWS = st.lists(st.dictionaries(st.text(max_size=4), _VALUES, max_size=3), max_size=6)
_QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def tiny_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every row and even single characters straddle reads."""
    monkeypatch.setattr(json_rows, "_CHUNK_BYTES", 5)


@pytest.mark.usefixtures("tiny_chunks")
class TestJsonRows:
    @_QUICK
    @given(rows=_ROWS, indent=st.sampled_from([None, 1]), ascii_only=st.booleans())
    def test_equals_json(self, tmp_path: Path, rows: list, indent: int | None, ascii_only: bool):
        path = tmp_path / "t.json"
        path.write_text(json.dumps(rows, indent=indent, ensure_ascii=ascii_only), encoding="utf-8")
        reader = JsonRows(path)
        assert list(reader) == rows
        assert reader.digest == digest_of(path)

    @_QUICK
    @given(rows=_ROWS.filter(bool), data=st.data())
    def test_any_cut_is_told_with_its_byte(self, tmp_path: Path, rows: list, data: st.DataObject):
        path = tmp_path / "t.json"
        whole = json.dumps(rows, ensure_ascii=False).encode()
        cut = data.draw(st.integers(0, len(whole) - 1))
        path.write_bytes(whole[:cut])
        with pytest.raises(DrivetrError, match=re.escape(str(path))) as error:
            list(JsonRows(path))
        if cut:
            offset = int(re.search(r"at byte ([\d,]+)", str(error.value))[1].replace(",", ""))
            assert offset <= cut

    def test_offset_of_a_syntax_error_counts_bytes(self, tmp_path: Path):
        path = tmp_path / "t.json"
        text = '[{"a": "üüü"}, {"a": 1} {"b": 2}]'
        path.write_text(text, encoding="utf-8")
        place = len(text[: text.index('{"b"')].encode())
        with pytest.raises(DrivetrError, match=f"at byte {place}: no comma after a row"):
            list(JsonRows(path))

    @pytest.mark.parametrize(
        ("content", "match"),
        [
            (b'{"a": 1}', "holds a JSON object, expected a list"),
            (b"", "holds nothing"),
            (b"12", "holds no JSON list"),
            (b'[{"a": 1}] x', "more text after the end"),
            (b'[{"a": "\xff"}]', "not UTF-8"),
            (b'[{"a": }]', "Expecting value"),
        ],
    )
    def test_faults(self, tmp_path: Path, content: bytes, match: str):
        path = tmp_path / "t.json"
        path.write_bytes(content)
        with pytest.raises(DrivetrError, match=match):
            list(JsonRows(path))


@pytest.mark.parametrize("content", ["[" * 100_000, "[" + "9" * 5000 + "]"])
def test_what_python_refuses_to_parse(tmp_path: Path, content: str):
    path = tmp_path / "t.json"
    path.write_text(content)
    with pytest.raises(DrivetrError, match="not valid JSON"):
        list(JsonRows(path))


def test_nan_as_python_writes_it(tmp_path: Path):
    path = tmp_path / "t.json"
    path.write_text(json.dumps([{"a": float("nan")}]))
    assert np.isnan(next(iter(JsonRows(path)))["a"])


class TestReadTable:
    @pytest.mark.parametrize(
        ("row", "match"),
        [
            ({"token": "a"}, "row 1, field name is missing, expected a text"),
            ({"token": "a", "name": None}, "row 1, field name is 'None'"),
            ({"token": "a", "name": 3}, "row 1, field name is '3'"),
            ({"token": "a", "name": "x\0y"}, "field name"),
            ({"token": "a", "name": "\ud800"}, "field name"),
            ({"token": "a", "name": "x" * 5000}, "field name"),
            ([1], "row 1 is '\\[1\\]', expected a JSON object"),
            ({"token": "z", "name": "b"}, "token 'z' stands in row 0 and in row 1"),
        ],
    )
    def test_faults_name_row_and_field(self, tmp_path: Path, row: object, match: str):
        (tmp_path / "category.json").write_text(json.dumps([{"token": "z", "name": "a"}, row]))
        with pytest.raises(DrivetrError, match=match):
            read_table(tmp_path, "category", Report(), lambda count: None)

    def test_collecting_goes_on_after_a_fault(self, tmp_path: Path):
        rows = [{"token": str(i), "name": "a" if i % 2 else i} for i in range(50)]
        (tmp_path / "category.json").write_text(json.dumps(rows))
        report = Report(strict=False)
        columns, _ = read_table(tmp_path, "category", report, lambda count: None)
        assert len(columns["token"]) == 50
        assert report.errors["wrong-type"] == 25
        assert len(report.lines()) == 11
        assert report.lines()[-1].endswith("and 15 more like these")

    def test_empty_table(self, tmp_path: Path):
        (tmp_path / "sample_annotation.json").write_text("[]")
        columns, _ = read_table(tmp_path, "sample_annotation", Report(), lambda count: None)
        assert columns["size"].shape == (0, 3)


class TestKeyTable:
    @_QUICK
    @given(tokens=st.lists(st.text("abc", min_size=1, max_size=3)), keys=st.lists(st.text("abc")))
    def test_equals_a_dict(self, tokens: list[str], keys: list[str]):
        unique = list(dict.fromkeys(tokens))
        rows = KeyTable(texts(unique)).rows_of(texts(keys))
        place = {token: row for row, token in enumerate(unique)}
        assert rows.tolist() == [place.get(key, -1) for key in keys]

    def test_duplicates_give_both_rows(self):
        assert KeyTable(texts(["b", "a", "b", "b"])).duplicates() == [(0, 2), (2, 3)]
