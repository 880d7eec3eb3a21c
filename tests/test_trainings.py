"""Tables of trainings: what is finished is kept, and the rows say what the files say."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import in_time
from benchmarks.detr_ablations import LINES, row
from benchmarks.trainings import file_name, kept
from drivetr.engine.config import load_config, parse_options

ROOT = Path(__file__).parent.parent


def test_made_once_and_kept(tmp_path):
    calls = []

    def make():
        calls.append(1)
        return {"seed": 3}

    for _ in range(2):
        assert kept(tmp_path / "run.json", make) == {"seed": 3}
    assert calls == [1]


def test_what_breaks_is_not_kept(tmp_path):
    def make():
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - there is no message
        kept(tmp_path / "run.json", make)
    assert list(tmp_path.iterdir()) == []


def test_names_of_files():
    assert file_name("the demo's recipe") == "the_demos_recipe"
    assert len({file_name(name) for name in LINES}) == len(LINES)


def test_a_row_is_mean_and_spread():
    runs = [{"metrics": {"AP": ap, "AP50": 2 * ap}} for ap in (0.3, 0.4, 0.2)]
    assert row("a", runs, 40.6) == "| a | 30.0 | 20.0 to 40.0 | 60.0 | 3 | 40.6 |"
    assert row("a", runs[:1], 40.6) == "| a | 30.0 |  | 60.0 | 1 | 40.6 |"


@pytest.mark.parametrize("name", LINES)
def test_every_line_is_another_model(name):
    """Each differs from the base in what its name says, and in nothing else."""

    def model(line):
        return load_config(ROOT / line.config, parse_options(list(line.options))).model

    base = model(LINES["sines in all attentions (base)"][0])
    other = model(LINES[name][0])
    differ = {key for key in base if base[key] != other[key]}
    assert differ == {
        "no spatial encoding": {"spatial_encoding"},
        "sines in the decoder's attentions": {"spatial_encoding"},
        "sines at the input": {"spatial_encoding"},
        "learned, in all attentions": {"position"},
        "sines in all attentions (base)": set(),
        "no feed-forward parts": {"encoder", "decoder"},
    }.get(name, {"encoder"})


def test_a_row_in_time_is_mean_and_spread():
    def metrics(error: float) -> dict[str, Any]:
        errors = dict.fromkeys(("trans_err", "scale_err", "orient_err"), 0.5)
        found = {"mean_ap": 0.25, "nd_score": 0.5, "tp_errors": {**errors, "vel_err": error}}
        return {"training_cpu_s": 100 * error, "metrics": found}

    runs = [in_time.figures(metrics(error)) for error in (1.0, 2.0, 4.5)]
    cells = [cell.strip() for cell in in_time.row("PETR", runs).strip("|").split("|")]
    assert cells[:3] == ["PETR", "3", "0.250 (0.250 to 0.250)"]
    assert cells[-2:] == ["2.500 (1.000 to 4.500)", "250 (100 to 450)"]
    assert in_time.row("PETR", runs[:1]).endswith("| 1.000 | 100 |")
