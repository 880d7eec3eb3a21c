import csv
import json
import math

from drivetr.visual.report import Column, Heat, Report, Section, Table, Words
from drivetr.visual.report_files import write_csv, write_json

NAMES = ("class", "recall A", "change", "change")
ROWS = (('a,b\n"c"', 1, 0.1234567890123, None), ("</script>", 2, math.nan, -0.5))


def report():
    table = Table("first", tuple(Column(name) for name in NAMES), ROWS)
    heat = Heat(Table("heat", (Column("a"), Column("b")), (("x", 3),)), ((0.5,),))
    long = Table("long", (Column("token"),), (("t",),))
    return Report("t", (("size", "2"),), (Section("s", "S", (Words(""), table, heat)),), (long,))


def test_json_holds_every_digit_and_no_nan(tmp_path):
    write_json(tmp_path / "r.json", report())
    content = json.loads((tmp_path / "r.json").read_text(), parse_constant=lambda name: 1 / 0)
    assert content["about"] == [["size", "2"]]
    assert list(content["tables"]) == ["first", "heat", "long"]
    first = content["tables"]["first"]
    assert first[0]["change of recall A"] == 0.1234567890123
    assert first[1] == {
        "class": "</script>", "recall A": 2, "change of recall A": None,
        "change of change of recall A": -0.5,
    }  # fmt: skip


def test_csv_reads_back(tmp_path):
    write_csv(tmp_path / "tables", report())
    assert sorted(p.name for p in (tmp_path / "tables").iterdir()) == [
        "first.csv", "heat.csv", "long.csv",
    ]  # fmt: skip
    with (tmp_path / "tables/first.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[1] == [ROWS[0][0], "1", "0.1234567890123", ""]
    assert rows[2] == ["</script>", "2", "", "-0.5"]
